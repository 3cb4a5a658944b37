import { KILLED_EXIT_CODE } from '../demo-program.ts';
import type { Program } from './program.ts';

/**
 * A time in which the process truly ran. Between two stretches it was frozen. What it had done at any moment follows
 * from these numbers, so nothing has to happen while time passes. Times in ms since the epoch.
 */
export interface Stretch {
  /** Steps done before. */
  fromStep: number;
  /** How far into the next step it was, ms. */
  carriedMilliseconds: number;
  startedAt: number;
  /** Absent while it runs. */
  endedAt?: number;
}

/** One life of a process on this node: from its start or restore to its exit. Plain data. */
export interface Run {
  stretches: Stretch[];
  /** What it did before its dump, on this node or another: its log goes on from there. */
  inherited?: Stretch[];
  /** How long the file it appends to was when it began; only where outputs are written to disk. */
  outputOffset?: number;
  /** It will be ended by a signal at this time, unless it ends before. */
  doom?: { at: number; exitCode: number };
  ended?: RunEnd;
}

export interface RunEnd {
  at: number;
  exitCode: number;
  reason?: 'OOMKilled';
}

export function startRun(now: number): Run {
  return { stretches: [{ fromStep: 0, carriedMilliseconds: 0, startedAt: now }] };
}

/** Every stretch of the process, from its first start on. */
export function historyOf(run: Run): readonly Stretch[] {
  return run.inherited === undefined ? run.stretches : [...run.inherited, ...run.stretches];
}

/** Steps done by the end of the stretch, or by `now` while it lasts. */
export function stepsIn(program: Program, stretch: Stretch, now: number): number {
  const until = Math.min(now, stretch.endedAt ?? now);
  const elapsed = Math.max(0, until - stretch.startedAt) + stretch.carriedMilliseconds;
  const steps = stretch.fromStep + Math.floor(elapsed / program.stepMilliseconds);
  return program.steps > 0 ? Math.min(steps, Math.max(program.steps, stretch.fromStep)) : steps;
}

/** When a step of this stretch was, or will be, done. */
export function timeOfStep(program: Program, stretch: Stretch, step: number): number {
  const needed = (step - stretch.fromStep) * program.stepMilliseconds - stretch.carriedMilliseconds;
  return stretch.startedAt + Math.max(0, needed);
}

export function progressOfRun(program: Program, run: Run, now: number): number {
  const last = run.stretches.at(-1);
  return last === undefined ? 0 : stepsIn(program, last, now);
}

export function memoryOfRun(program: Program, run: Run, now: number): number {
  return program.memoryBytes + program.growthBytes * progressOfRun(program, run, now);
}

/** When and how the run will end if nothing else happens; undefined: never, or it is frozen. */
export function endOfRun(program: Program, run: Run, memoryLimit: number | undefined): RunEnd | undefined {
  if (run.ended !== undefined) return run.ended;
  const stretch = run.stretches.at(-1);
  if (stretch === undefined || stretch.endedAt !== undefined) return undefined;
  const ends: RunEnd[] = [];
  if (memoryLimit !== undefined) {
    const step = stepBeyond(program, memoryLimit);
    if (step !== undefined && (program.steps === 0 || step <= program.steps)) {
      const at = timeOfStep(program, stretch, Math.max(step, stretch.fromStep));
      ends.push({ at, exitCode: KILLED_EXIT_CODE, reason: 'OOMKilled' });
    }
  }
  if (run.doom !== undefined) ends.push(run.doom);
  if (program.steps > 0) ends.push({ at: timeOfStep(program, stretch, program.steps), exitCode: program.exitCode });
  const first = ends.reduce<RunEnd | undefined>(
    (one, end) => (one === undefined || end.at < one.at ? end : one),
    undefined,
  );
  return first === undefined ? undefined : { ...first, at: Math.max(first.at, stretch.startedAt) };
}

/** The first step after which more memory is held than the limit allows. */
function stepBeyond(program: Program, limit: number): number | undefined {
  if (program.memoryBytes > limit) return 0;
  if (program.growthBytes === 0) return undefined;
  return Math.floor((limit - program.memoryBytes) / program.growthBytes) + 1;
}

/** Brings the run up to `now`: ends it when its end has come. True when that changed it. */
export function settleRun(program: Program, run: Run, memoryLimit: number | undefined, now: number): boolean {
  if (run.ended !== undefined) return false;
  const end = endOfRun(program, run, memoryLimit);
  if (end === undefined || end.at > now) return false;
  endRun(run, end);
  return true;
}

export function endRun(run: Run, { at, exitCode, reason }: RunEnd): void {
  const stretch = run.stretches.at(-1);
  if (stretch !== undefined && stretch.endedAt === undefined) stretch.endedAt = at;
  run.ended = { at, exitCode, ...(reason === undefined ? {} : { reason }) };
}

/** Stops the process where it is, in the middle of a step or not. */
export function freezeRun(run: Run, now: number): void {
  const stretch = run.stretches.at(-1);
  if (stretch !== undefined && stretch.endedAt === undefined) stretch.endedAt = now;
}

/** Lets it go on from there. */
export function thawRun(program: Program, run: Run, now: number): void {
  const stretch = run.stretches.at(-1);
  if (stretch === undefined || stretch.endedAt === undefined || run.ended !== undefined) return;
  run.stretches.push({ ...frozenState(program, stretch), startedAt: now });
}

/** All that a dump has to keep of a frozen process. */
export function frozenState(program: Program, stretch: Stretch): Pick<Stretch, 'fromStep' | 'carriedMilliseconds'> {
  const endedAt = stretch.endedAt ?? stretch.startedAt;
  const fromStep = stepsIn(program, stretch, endedAt);
  const elapsed = endedAt - stretch.startedAt + stretch.carriedMilliseconds;
  const carried = elapsed - (fromStep - stretch.fromStep) * program.stepMilliseconds;
  return { fromStep, carriedMilliseconds: Math.min(Math.max(0, carried), program.stepMilliseconds) };
}
