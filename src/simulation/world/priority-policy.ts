import type { Stage } from './stage.ts';
import { disksOf, doneBy, dumpBytesOf, expectedEnd, isCheckpointable, priorityOf, type Work } from './work.ts';
import type { WorldPolicy } from './world-policy.ts';

/** How a scheduler that goes by priority makes room, and who may overtake. */
export interface PriorityRules {
  /** `pods`: each task is bound as soon as it has room, and waits for the others there; `job`: all or none. */
  readonly binding: 'pods' | 'job';
  /** What becomes of victims. `adaptive`: killed or checkpointed, whichever loses less (Li et al. 2015). */
  readonly victims: 'kill' | 'pause' | 'adaptive';
  /** Which of the nodes that have room. */
  readonly placing: 'first' | 'spread';
  /** `any`: whoever fits starts; `easy`: the first that does not fit has a reservation. */
  readonly overtaking: 'any' | 'easy';
  /** Priority from which a job may interrupt others. */
  readonly preemptsFrom: number;
}

/** How long pods of an incomplete job keep their room before they give it back and try again, seconds. */
const GATHERING_TIMEOUT_SECONDS = 600;

/** By priority, then by submission. */
export class PriorityPolicy implements WorldPolicy {
  readonly #stage: Stage;
  readonly #rules: PriorityRules;
  readonly #waiting: Work[] = [];
  readonly #paused = new Set<Work>();
  readonly #gathering = new Map<Work, number>();
  /** Whose last dump failed: it would be dumped again at once, and again. */
  readonly #dumpFailed = new Set<Work>();
  /** Who waits until dumps that were ordered for it are done, and for how many. */
  readonly #makingRoom = new Map<Work, Set<Work>>();

  constructor(stage: Stage, rules: PriorityRules) {
    this.#stage = stage;
    this.#rules = rules;
  }

  submitted(work: Work): void {
    this.#enqueue(work);
  }

  ended(work: Work): void {
    this.#dumpFailed.delete(work);
  }

  dumped(work: Work): void {
    if (work.phase === 'waiting') this.#enqueue(work);
    this.#dumpSettled(work);
  }

  dumpFailed(work: Work): void {
    this.#dumpFailed.add(work);
    this.#dumpSettled(work);
  }

  interrupted(work: Work): void {
    this.#gathering.delete(work);
    this.#paused.delete(work);
    this.#dumpSettled(work);
    if (!this.#waiting.includes(work)) this.#enqueue(work);
  }

  drained(work: Work): boolean {
    return this.#rules.victims === 'adaptive' && this.#stage.dump(work, 'migrate');
  }

  pass(now: number): void {
    this.#giveUpGathering(now);
    for (const work of this.#paused) {
      // Who has no room now must not keep it from going on: it may be its memory that the other waits for.
      const isOutranked = this.#waiting.some(
        (other) => priorityOf(other) > priorityOf(work) && this.#stage.room.fits(other.shape, other.shape.tasks),
      );
      if (!isOutranked && this.#stage.unpause(work)) this.#paused.delete(work);
    }
    let reservation: { at: number; extra: number } | undefined;
    for (let place = 0; place < this.#waiting.length; ) {
      const work = this.#waiting[place];
      if (work === undefined) break;
      if (this.#mayStart(work, reservation, now) && this.#tryToStart(work, now)) {
        this.#waiting.splice(place, 1);
        continue;
      }
      if (this.#makeRoom(work, now)) {
        // Victims may have entered the queue before its place.
        place = Math.max(0, this.#waiting.indexOf(work));
        if (this.#tryToStart(work, now)) {
          this.#waiting.splice(place, 1);
          continue;
        }
      }
      if (reservation === undefined && this.#rules.overtaking === 'easy') reservation = this.#reserve(work, now);
      place++;
    }
  }

  #enqueue(work: Work): void {
    let [from, to] = [0, this.#waiting.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const other = this.#waiting[middle];
      if (other !== undefined && comesFirst(other, work)) from = middle + 1;
      else to = middle;
    }
    this.#waiting.splice(from, 0, work);
  }

  #tryToStart(work: Work, now: number): boolean {
    if (this.#rules.binding === 'job') return this.#stage.start(work, this.#rules.placing);
    const { shape } = work;
    let held = work.parts.reduce((sum, { tasks }) => sum + tasks, 0);
    for (const { node, tasks } of this.#stage.room.place(shape, shape.tasks - held, this.#rules.placing)) {
      this.#stage.acquire(work, node, tasks);
      held += tasks;
    }
    if (held === shape.tasks) {
      this.#gathering.delete(work);
      this.#stage.begin(work);
      return true;
    }
    if (held > 0 && !this.#gathering.has(work)) {
      this.#gathering.set(work, now + GATHERING_TIMEOUT_SECONDS);
      this.#stage.alarm(now + GATHERING_TIMEOUT_SECONDS);
    }
    return false;
  }

  #giveUpGathering(now: number): void {
    for (const [work, until] of this.#gathering) {
      if (until > now) continue;
      this.#gathering.delete(work);
      this.#stage.abandon(work);
    }
  }

  #mayStart(work: Work, reservation: { at: number; extra: number } | undefined, now: number): boolean {
    if (reservation === undefined) return true;
    return expectedEnd(work, now) <= reservation.at || work.job.processors <= reservation.extra;
  }

  /** When the job has room by the expected ends of others, and how many processors it leaves over then. */
  #reserve(work: Work, now: number): { at: number; extra: number } {
    const room = this.#stage.room.copy();
    const ends = [...this.#stage.placed]
      .map((other) => ({ other, at: expectedEnd(other, now) }))
      .sort((one, another) => one.at - another.at || one.other.index - another.other.index);
    for (const { other, at } of ends) {
      for (const part of other.parts) room.give(other.shape, part);
      if (!room.fits(work.shape, work.shape.tasks)) continue;
      const free = room.cpu.reduce((sum, millicores) => sum + millicores, 0) / 1_000;
      return { at, extra: free - work.job.processors };
    }
    return { at: Infinity, extra: 0 };
  }

  /** Interrupts what has lower priority, least first and youngest first, no more than needed. True: somebody's room is free now. */
  #makeRoom(work: Work, now: number): boolean {
    if (priorityOf(work) < this.#rules.preemptsFrom || this.#makingRoom.has(work)) return false;
    const candidates = [...this.#stage.placed]
      .filter((other) => priorityOf(other) < priorityOf(work) && other.phase !== 'dumping')
      .sort(
        (one, other) =>
          priorityOf(one) - priorityOf(other) || other.sinceSeconds - one.sinceSeconds || other.index - one.index,
      );
    const room = this.#stage.room.copy();
    const keepsMemory = this.#rules.victims === 'pause';
    // What it holds already is its own.
    for (const part of work.parts) room.give(work.shape, part);
    const victims: Work[] = [];
    for (const victim of candidates) {
      if (room.fits(work.shape, work.shape.tasks)) break;
      for (const part of victim.parts) room.give(victim.shape, part, keepsMemory);
      victims.push(victim);
    }
    if (!room.fits(work.shape, work.shape.tasks)) return false;
    // Reprieve: who was taken first but is not needed in the end.
    for (const victim of [...victims]) {
      for (const part of victim.parts) room.take(victim.shape, part, keepsMemory);
      if (room.fits(work.shape, work.shape.tasks)) victims.splice(victims.indexOf(victim), 1);
      else for (const part of victim.parts) room.give(victim.shape, part, keepsMemory);
    }
    const dumps = new Set<Work>();
    for (const victim of victims) if (this.#interrupt(victim, now) === 'dumping') dumps.add(victim);
    if (dumps.size > 0) this.#makingRoom.set(work, dumps);
    return victims.length > dumps.size;
  }

  #interrupt(victim: Work, now: number): 'gone' | 'dumping' {
    this.#gathering.delete(victim);
    if (victim.phase === 'gathering') {
      this.#stage.abandon(victim);
      return 'gone';
    }
    if (this.#rules.victims === 'pause' && victim.phase === 'running') {
      this.#stage.pause(victim);
      this.#paused.add(victim);
      return 'gone';
    }
    if (this.#rules.victims === 'adaptive' && this.#isWorthADump(victim, now) && this.#stage.dump(victim, 'stop')) {
      return 'dumping';
    }
    this.#dumpFailed.delete(victim);
    this.#stage.kill(victim);
    this.#enqueue(victim);
    return 'gone';
  }

  /** Li et al., Middleware 2015: checkpoint if what is not saved yet took longer than dump and restore will. */
  #isWorthADump(victim: Work, now: number): boolean {
    if (victim.phase !== 'running' || !isCheckpointable(victim) || this.#dumpFailed.has(victim)) return false;
    const { costs } = this.#stage.world;
    const bytes = dumpBytesOf(victim, now);
    const transfer = bytes / (costs.nodeBytesPerSecond * disksOf(victim, this.#stage.world));
    const fetch = costs.storeBytesPerSecond === undefined ? 0 : bytes / costs.storeBytesPerSecond;
    const dump = victim.job.dumpSeconds ?? costs.dumpSeconds + transfer;
    return doneBy(victim, now) - victim.savedSeconds > dump + costs.restoreSeconds + transfer + fetch;
  }

  #dumpSettled(work: Work): void {
    for (const [preemptor, dumps] of this.#makingRoom) {
      if (dumps.delete(work) && dumps.size === 0) this.#makingRoom.delete(preemptor);
    }
  }
}

function comesFirst(one: Work, other: Work): boolean {
  const difference = priorityOf(one) - priorityOf(other);
  if (difference !== 0) return difference > 0;
  const submitted = one.job.submitSeconds - other.job.submitSeconds;
  return submitted === 0 ? one.index < other.index : submitted < 0;
}
