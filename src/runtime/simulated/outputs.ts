import type { Program } from './program.ts';
import { type Run, type Stretch, stepsIn, timeOfStep } from './run.ts';

/** Something that wrote to an output: one life of one process. */
export interface OutputWriter {
  uid: string;
  container: string;
  program: Program;
  run: Run;
}

/** Steps `first`–`last`, written one after the other by one process. */
export interface WrittenSteps {
  uid: string;
  container: string;
  first: number;
  last: number;
  stretch: Stretch;
  program: Program;
}

export interface OutputSummary {
  /** Distinct steps written. */
  steps: number;
  /** The highest step. */
  highest: number;
  /** Steps below the highest that nobody wrote. */
  missing: number;
  /** Writes beyond the first of each step. */
  doubled: number;
}

/**
 * Everything that simulated processes ever wrote, by output, across incarnations and nodes: what the demo's file on a
 * volume is in the real world. It keeps each life of a process, not each step, so a year of steps costs nothing.
 */
export class SimulatedOutputs {
  readonly #writers = new Map<string, OutputWriter[]>();

  names(): string[] {
    return [...this.#writers.keys()];
  }

  add(name: string, writer: OutputWriter): void {
    const writers = this.#writers.get(name);
    if (writers === undefined) this.#writers.set(name, [writer]);
    else if (!writers.some(({ run }) => run === writer.run)) writers.push(writer);
  }

  /** For long runs: an output that nobody asks for again. */
  forget(name: string): void {
    this.#writers.delete(name);
  }

  /** What was written up to `now`, in the order in which it was begun. */
  written(name: string, now: number): WrittenSteps[] {
    const written: WrittenSteps[] = [];
    for (const { uid, container, program, run } of this.#writers.get(name) ?? []) {
      for (const stretch of run.stretches) {
        const last = stepsIn(program, stretch, now);
        if (last > stretch.fromStep)
          written.push({ uid, container, first: stretch.fromStep + 1, last, stretch, program });
      }
    }
    return written.sort((one, other) => one.stretch.startedAt - other.stretch.startedAt);
  }

  /** Every step in the order of its time. One number a step: for short runs. */
  steps(name: string, now: number): number[] {
    const timed: { at: number; step: number }[] = [];
    for (const { first, last, stretch, program } of this.written(name, now)) {
      for (let step = first; step <= last; step++) timed.push({ at: timeOfStep(program, stretch, step), step });
    }
    return timed.sort((one, other) => one.at - other.at).map(({ step }) => step);
  }

  /** The count of steps lost and doubled, however many there are. */
  summary(name: string, now: number): OutputSummary {
    const written = this.written(name, now).sort((one, other) => one.first - other.first);
    let total = 0;
    let distinct = 0;
    let highest = 0;
    for (const { first, last } of written) {
      total += last - first + 1;
      distinct += Math.max(0, last - Math.max(first - 1, highest));
      highest = Math.max(highest, last);
    }
    return { steps: distinct, highest, missing: highest - distinct, doubled: total - distinct };
  }
}
