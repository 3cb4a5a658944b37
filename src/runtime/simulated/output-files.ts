import { appendFileSync, closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../../clock/index.ts';
import { stepLine } from '../demo-program.ts';
import type { SimulatedMachine } from './machine.ts';
import type { Program } from './program.ts';
import type { Run } from './run.ts';
import { type LogPosition, linesOf } from './step-log.ts';

/** How late a line may appear in its file. */
const FLUSH_MILLISECONDS = 50;
/** More than any line has. */
const TAIL_BYTES = 64;

/**
 * Writes what simulated processes append to files on volumes, so that others can read them as they read those of real
 * ones. Each line is written once, also when this process is killed and started again: what is there is read first.
 */
export class OutputFiles {
  readonly #machine: SimulatedMachine;
  readonly #clock: Clock;
  readonly #positions = new WeakMap<Run, LogPosition>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(machine: SimulatedMachine, clock: Clock) {
    this.#machine = machine;
    this.#clock = clock;
    for (const pod of machine.pods(clock.now())) {
      for (const { output, run, previousRun, program } of pod.containers) {
        if (output === undefined || !output.onVolume) continue;
        // A life that was followed by another was written to its end before that began.
        if (previousRun !== undefined) this.#positions.set(previousRun, { stretch: Number.POSITIVE_INFINITY, step: 0 });
        if (run === undefined) continue;
        const lastStep = lastStepIn(output.name, run.outputOffset ?? 0);
        this.#positions.set(run, positionAfter(program, run, lastStep, clock.now()));
      }
    }
    this.#schedule();
  }

  /**
   * Writes every line up to now, and notes of a run that is new where its lines begin. Synchronous, so that no other
   * line comes between.
   */
  flush(): void {
    const now = this.#clock.now();
    for (const pod of this.#machine.pods(now)) {
      for (const { output, run, previousRun, program } of pod.containers) {
        if (output === undefined || !output.onVolume) continue;
        if (previousRun !== undefined) this.#append(output.name, program, previousRun, now);
        if (run !== undefined) this.#append(output.name, program, run, now);
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #append(path: string, program: Program, run: Run, now: number): void {
    let position = this.#positions.get(run);
    if (position === undefined) {
      position = { stretch: run.inherited?.length ?? 0, step: -1 };
      this.#positions.set(run, position);
      run.outputOffset = sizeOf(path);
    }
    let text = '';
    for (const { step } of linesOf(program, run, position, now)) text += stepLine(step);
    if (text === '') return;
    mkdirSync(dirname(path), { recursive: true });
    appendFileSync(path, text);
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimer(FLUSH_MILLISECONDS, () => {
      if (this.#stopped) return;
      this.flush();
      this.#schedule();
    });
  }
}

/** The place behind the lines up to `lastStep`, as far as this run can have written them. */
function positionAfter(program: Program, run: Run, lastStep: number, now: number): LogPosition {
  const first = run.inherited?.length ?? 0;
  const position: LogPosition = { stretch: first, step: -1 };
  const probe: LogPosition = { stretch: first, step: -1 };
  for (const { step } of linesOf(program, run, probe, now)) {
    if (step > lastStep) break;
    position.stretch = probe.stretch;
    position.step = step;
  }
  return position;
}

/** The step of the file's last line behind `offset`; 0 when there is none. */
function lastStepIn(path: string, offset: number): number {
  const size = sizeOf(path);
  if (size <= offset) return 0;
  const descriptor = openSync(path, 'r');
  try {
    const tail = Buffer.alloc(Math.min(size - offset, TAIL_BYTES));
    readSync(descriptor, tail, 0, tail.length, size - tail.length);
    const last = /step (\d+)\n$/.exec(tail.toString());
    return Number(last?.[1] ?? 0);
  } finally {
    closeSync(descriptor);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
