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
 * (3) progress never falls below the newest checkpoint, nor at all without a kill that was booked, (5) nor is what a checkpoint holds
 * ever less than before, (7) who computed and was not interrupted computes still, whatever became of its dump, (8) a job computes with
 * all its tasks or not at all, (9) no work counts twice. At the end (4) nothing waits that could run. What (6) forbids, binding before
 * the room is free, is (1) here.
 */
export class Judge {
  readonly violations: Violation[] = [];
  /** By job, as it was when it last had room. */
  readonly #seen = new Map<number, { done: number; saved: number; interruptions: number; computes: boolean }>();
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
    this.#seen.delete(index);
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
    const before = this.#seen.get(work.index);
    if (done < work.savedSeconds - GRAIN)
      this.#violated(3, now, job.id, `is at ${done} s, its checkpoint at ${work.savedSeconds}`);
    const isUninterrupted = before?.interruptions === work.interruptions;
    if (before !== undefined && done < before.done - GRAIN && isUninterrupted)
      this.#violated(3, now, job.id, `fell from ${before.done} to ${done} s and nobody interrupted it`);
    if (before !== undefined && work.savedSeconds < before.saved)
      this.#violated(5, now, job.id, `had ${before.saved} s in its checkpoint, and has ${work.savedSeconds}`);
    if (before?.computes === true && isUninterrupted && !computes)
      this.#violated(7, now, job.id, `is ${phase}, and nobody interrupted it`);
    const { savedSeconds: saved, interruptions } = work;
    this.#seen.set(work.index, { done, saved, interruptions, computes });
  }

  #violated(invariant: Violation['invariant'], atSeconds: number, job: string, message: string): void {
    this.violations.push({ invariant, atSeconds, job, message });
  }
}
