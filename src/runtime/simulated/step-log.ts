import { stepLine } from '../demo-program.ts';
import type { LogOptions } from '../runtime.ts';
import type { Program } from './program.ts';
import { historyOf, type Run, stepsIn, timeOfStep } from './run.ts';

/** A place in a run's output: how many lines of which stretch were read. */
export interface LogPosition {
  stretch: number;
  step: number;
}

export interface LogLine {
  at: number;
  step: number;
}

/** The lines from `position` on, up to `now`; moves `position` behind them. */
export function* linesOf(program: Program, run: Run, position: LogPosition, now: number): Generator<LogLine> {
  const stretches = historyOf(run);
  for (; position.stretch < stretches.length; position.stretch++, position.step = -1) {
    const stretch = stretches[position.stretch];
    if (stretch === undefined) return;
    const last = stepsIn(program, stretch, now);
    for (let step = Math.max(position.step, stretch.fromStep) + 1; step <= last; step++) {
      position.step = step;
      yield { at: timeOfStep(program, stretch, step), step };
    }
    if (position.stretch === stretches.length - 1) return;
  }
}

/** Where a log begins that shows no more than the last `tailLines` lines and none before `since`. */
export function startOfLog(program: Program, run: Run, options: LogOptions, now: number): LogPosition {
  const { tailLines, since = 0 } = options;
  const stretches = historyOf(run);
  let skip = 0;
  if (tailLines !== undefined) {
    let lines = 0;
    for (const stretch of stretches) lines += stepsIn(program, stretch, now) - stretch.fromStep;
    skip = Math.max(0, lines - Math.max(0, tailLines));
  }
  for (const [index, stretch] of stretches.entries()) {
    const last = stepsIn(program, stretch, now);
    const skipped = Math.min(skip, last - stretch.fromStep);
    skip -= skipped;
    let step = stretch.fromStep + skipped;
    while (step < last && timeOfStep(program, stretch, step + 1) < since) step += 1;
    if (step < last || index === stretches.length - 1) return { stretch: index, step };
  }
  return { stretch: 0, step: -1 };
}

/** When the next line comes if nothing else happens; undefined: never, or not while it is frozen. */
export function nextLineAt(program: Program, run: Run, now: number): number | undefined {
  const stretch = run.stretches.at(-1);
  if (stretch === undefined || stretch.endedAt !== undefined || run.ended !== undefined) return undefined;
  return timeOfStep(program, stretch, stepsIn(program, stretch, now) + 1);
}

export function textOf({ at, step }: LogLine, timestamps: boolean): string {
  const line = stepLine(step);
  return timestamps ? `${new Date(at).toISOString().slice(0, -1)}000000Z ${line}` : line;
}
