import type { Stage } from './stage.ts';
import type { Work } from './work.ts';

/** A broken invariant of docs/architecture.md, by its number; `liveness`: something never ended. */
export interface Violation {
  readonly invariant: number | 'liveness';
  readonly atSeconds: number;
  readonly job: string;
  readonly message: string;
}

/** Room below this is arithmetic, not over-commitment: millicores, bytes. */
const GRAIN = 1e-6;

/**
 * Watches a simulated world after every event: (1) no node is over-committed, (2) no job has more tasks placed than it has,
 * (3) progress never falls below the newest checkpoint, nor at all without a kill that was booked, (8) a job computes with all
 * its tasks or not at all, (9) no work counts twice. At the end (4) nothing waits that could run.
 */
export class Judge {
  readonly violations: Violation[] = [];
  readonly #done = new Map<number, { seconds: number; interruptions: number }>();
  /** Processor-seconds in the results of those that ended. */
  #useful = 0;

  look({ room, world, placed, now }: Stage): void {
    for (let node = 0; node < room.cpu.length; node++) {
      const free = Math.min(room.cpu[node] ?? 0, room.memory[node] ?? 0, room.gpu[node] ?? 0);
      if (free < -GRAIN) this.#violated(1, now, '', `node ${world.nodes[node]?.name} is over-committed by ${-free}`);
    }
    for (const work of placed) this.#lookAt(work, now);
  }

  /** It ended, or was rejected. */
  settled({ index, phase, job, doneSeconds }: Work, now: number): void {
    this.#done.delete(index);
    if (phase === 'ended' && Math.abs(doneSeconds - job.runSeconds) > GRAIN)
      this.#violated(9, now, job.id, `ended after ${doneSeconds} s`);
    this.#useful += doneSeconds * job.processors;
  }

  end({ works, now, ledger, room }: Stage): void {
    let useful = this.#useful;
    for (const { phase, job, shape, savedSeconds, doneSeconds } of works.values()) {
      const fits = room.fits(shape, shape.tasks);
      this.#violated(fits && savedSeconds > 0 ? 4 : 'liveness', now, job.id, `is ${phase} at the end`);
      useful += doneSeconds * job.processors;
    }
    // Every processor-second that was computed, or slept idle instead, is in a job's result, or was booked as lost.
    const lost = Object.values(ledger.lost).reduce((sum, { all }) => sum + all, 0);
    const computed = ledger.uses.compute.all + ledger.slept.all;
    if (Math.abs(computed - lost - useful) > Math.max(1, computed) * 1e-9) {
      this.#violated(9, now, '', `${computed} s computed, of which ${lost} lost: ${useful} s of results`);
    }
  }

  #lookAt(work: Work, now: number): void {
    const { job, shape, parts, phase } = work;
    const tasks = parts.reduce((sum, part) => sum + part.tasks, 0);
    if (tasks > shape.tasks) this.#violated(2, now, job.id, `has ${tasks} of ${shape.tasks} tasks placed`);
    const computes = phase === 'running' || phase === 'dumping';
    if (computes && tasks !== shape.tasks)
      this.#violated(8, now, job.id, `is ${phase} with ${tasks} of ${shape.tasks} tasks`);
    const done = phase === 'running' ? work.doneSeconds + now - work.sinceSeconds : work.doneSeconds;
    const before = this.#done.get(work.index);
    if (done < work.savedSeconds - GRAIN)
      this.#violated(3, now, job.id, `is at ${done} s, its checkpoint at ${work.savedSeconds}`);
    if (before !== undefined && done < before.seconds - GRAIN && before.interruptions === work.interruptions) {
      this.#violated(3, now, job.id, `fell from ${before.seconds} to ${done} s and nobody interrupted it`);
    }
    this.#done.set(work.index, { seconds: done, interruptions: work.interruptions });
  }

  #violated(invariant: Violation['invariant'], atSeconds: number, job: string, message: string): void {
    this.violations.push({ invariant, atSeconds, job, message });
  }
}
