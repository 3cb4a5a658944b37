import type { Random } from '../../clock/index.ts';
import { EventQueue } from '../event-queue.ts';
import { Ledger } from '../ledger.ts';
import type { LossCause, Outcome, Window } from '../outcome.ts';
import { Precedence } from '../precedence.ts';
import type { TraceJob } from '../trace/trace-job.ts';
import { Books } from './books.ts';
import { Copies } from './copies.ts';
import type { Judge } from './judge.ts';
import { NodeOutages } from './node-outages.ts';
import { Room } from './room.ts';
import { nextBurst } from './session.ts';
import { Transfers } from './transfers.ts';
import { type AfterDump, dumpBytesOf, isCheckpointable, type Part, ranSeconds, type Work, workOf } from './work.ts';
import type { World } from './world.ts';
import type { WorldPolicy } from './world-policy.ts';

export interface StageOptions {
  readonly jobs: readonly TraceJob[];
  readonly world: World;
  readonly window: Window;
  readonly random: Random;
  readonly keepSegments?: boolean;
  readonly signal?: AbortSignal;
  /** Sees the world after every event. */
  readonly judge?: Judge;
}

/** Who did not end so long after the last submission never will: 20 years. */
const HORIZON_SECONDS = 20 * 365 * 86_400;

/** The simulated world: what jobs do on its nodes in virtual time. Policies decide, this carries out and keeps the books. */
export class Stage {
  readonly jobs: readonly TraceJob[];
  /** What was submitted and has neither ended nor been rejected, by the index of its job. */
  readonly works = new Map<number, Work>();
  readonly world: World;
  readonly room: Room;
  readonly ledger: Ledger;
  /** In the order in which they took room. */
  readonly placed = new Set<Work>();
  readonly #options: StageOptions;
  /** The world with nobody in it: what does not fit there never will. */
  readonly #empty: Room;
  readonly #events = new EventQueue<() => void>();
  readonly #transfers: Transfers;
  /** Absent: there is no store, and every node reads every checkpoint as if it had made it. */
  readonly #copies: Copies | undefined;
  readonly #books: Books;
  readonly #precedence: Precedence;
  readonly #outages: NodeOutages;
  #policy: WorldPolicy | undefined;
  #unfinished = 0;
  #now = 0;

  constructor(options: StageOptions) {
    const { jobs, world, window, keepSegments = false, random } = options;
    this.#options = options;
    this.jobs = jobs;
    this.world = world;
    this.room = new Room(world);
    this.#empty = new Room(world);
    this.ledger = new Ledger(jobs.length, { window, keepSegments });
    const time = (): number => this.#now;
    this.#books = new Books(this.ledger, world.costs.applicationCheckpointSeconds, time);
    this.#precedence = new Precedence(jobs);
    this.#transfers = new Transfers(world);
    const { store } = this.#transfers;
    const stored = (work: Work): void => this.#policy?.stored?.(work, this.#now);
    this.#copies = store === undefined ? undefined : new Copies(store, this.ledger.traffic, time, stored);
    this.#outages = new NodeOutages(this, random);
  }

  get now(): number {
    return this.#now;
  }

  /** Runs the trace to its end: until every job that can has ended. */
  run(makePolicy: (stage: Stage) => WorldPolicy): Outcome {
    const policy = makePolicy(this);
    this.#policy = policy;
    const { jobs } = this;
    const horizon = (jobs.at(-1)?.submitSeconds ?? 0) + HORIZON_SECONDS;
    let next = 0;
    this.#outages.begin();
    for (;;) {
      while (next < jobs.length && this.#precedence.isLed(next)) next++;
      const wakeup = this.#unfinished > 0 ? (policy.nextWakeup?.(this.#now) ?? Infinity) : Infinity;
      const happening = Math.min(
        jobs[next]?.submitSeconds ?? Infinity,
        this.#events.earliest,
        this.#transfers.nextEnd(),
      );
      // Failures go on for ever: without work they concern nobody.
      if (happening === Infinity && wakeup === Infinity) break;
      if (this.#unfinished === 0 && next >= jobs.length) break;
      this.#options.signal?.throwIfAborted();
      if (Math.min(happening, wakeup) > horizon) break;
      const now = Math.max(this.#now, Math.min(happening, wakeup));
      this.#now = now;
      this.#transfers.settle(now);
      while (this.#events.earliest <= now) {
        this.ledger.events++;
        this.#events.pop()?.();
      }
      for (; (jobs[next]?.submitSeconds ?? Infinity) <= now; next++)
        if (!this.#precedence.isLed(next)) this.#submit(next);
      policy.pass(now);
      this.#options.judge?.look(this);
    }
    this.#options.judge?.end(this);
    return this.ledger.outcome();
  }

  /** Gives some tasks of a job room on a node. The job begins with {@link begin}, when all have it. */
  acquire(work: Work, node: number, tasks: number): void {
    const part: Part = { node, tasks, sinceSeconds: this.#now };
    if (!work.isGuest) this.room.take(work.shape, part);
    work.parts.push(part);
    this.placed.add(work);
    if (work.phase === 'waiting') this.#books.enter(work, 'gathering');
  }

  /** All tasks have room: the job is restored, restarted or just started. */
  begin(work: Work): void {
    this.#books.prepared(work);
    const { costs } = this.world;
    if (Number.isNaN(this.ledger.startSeconds[work.index])) this.ledger.startSeconds[work.index] = this.#now;
    if (work.savedSeconds > 0 && work.job.isService !== true) {
      this.ledger.restores++;
      this.#books.enter(work, 'restoring');
      this.#fetch(work, () => this.#restore(work));
    } else if (work.wasKilled && costs.restartSeconds > 0) {
      this.#books.enter(work, 'restarting');
      this.#after(work, costs.restartSeconds, () => this.#compute(work));
    } else this.#compute(work);
  }

  /** Places the whole job and begins; false: it does not fit. */
  start(work: Work, order: 'first' | 'spread'): boolean {
    const { shape } = work;
    const places = this.room.place(shape, shape.tasks, order);
    if (places.reduce((sum, { tasks }) => sum + tasks, 0) < shape.tasks) return false;
    for (const { node, tasks } of places) this.acquire(work, node, tasks);
    this.begin(work);
    return true;
  }

  /** Takes its room from a job that does not compute yet: nothing is lost but the time. */
  abandon(work: Work): void {
    this.#books.prepared(work);
    this.#release(work);
    this.#books.enter(work, 'waiting');
  }

  /** Ends its processes: what was done since its last checkpoint is lost. */
  kill(work: Work, cause: LossCause = 'preemption'): void {
    const ran = ranSeconds(work, this.#now);
    if (work.phase === 'gathering' || work.phase === 'restoring' || work.phase === 'restarting') this.abandon(work);
    else {
      this.#books.leave(work);
      this.#books.lose(work, cause);
      this.#release(work);
      this.#books.enter(work, 'waiting');
    }
    work.wasKilled = true;
    work.interruptions++;
    this.ledger.kills[cause]++;
    if (cause === 'preemption') this.ledger.interrupted(ran, 'stop');
  }

  /** Its node goes: what can be saved is, where the policy can; else it is killed, and the policy told. */
  strike(work: Work, cause: 'failure' | 'drain'): void {
    if (cause === 'drain') {
      const isLeaving = work.phase === 'dumping' && work.afterDump !== 'go on';
      if (isLeaving || this.#policy?.drained?.(work, this.#now) === true) return;
    }
    this.kill(work, cause);
    this.#policy?.interrupted?.(work, this.#now);
  }

  /** Tells the policy that the node went, and why, or came back. */
  nodeChanged(node: number, went?: 'failure' | 'drain'): void {
    if (went === 'failure') this.#copies?.nodeWent(node);
    else if (went === undefined) this.#copies?.nodeCame(node);
    this.#policy?.nodeChanged?.(node, this.#now);
  }

  /** Freezes it and writes a dump. False: it does not compute, or cannot be dumped. A dump under way serves both who asked. */
  dump(work: Work, afterDump: AfterDump): boolean {
    if (work.phase === 'dumping' && work.afterDump === 'go on') {
      work.afterDump = afterDump;
      return true;
    }
    if (work.phase !== 'running' || !isCheckpointable(work)) return false;
    work.afterDump = afterDump;
    this.#books.leave(work);
    this.#books.enter(work, 'dumping');
    const { dumpSeconds, dumpFailureShare } = this.world.costs;
    const measured = work.job.dumpSeconds;
    const bytes = dumpBytesOf(work, this.#now);
    const [moved, seconds] = measured === undefined ? [bytes, dumpSeconds] : [0, measured];
    const fails = dumpFailureShare > 0 && this.#options.random() < dumpFailureShare;
    const began = this.#now;
    this.#transfer(work, moved, seconds, () => {
      this.#books.leave(work);
      if (!fails) {
        this.#dumped(work, bytes, began);
        return;
      }
      this.ledger.dumpsFailed++;
      this.#resume(work);
      this.#policy?.dumpFailed?.(work, this.#now);
      if (work.parts.some(({ node }) => this.room.down[node] === 1)) this.strike(work, 'drain');
    });
    return true;
  }

  /** Slurm's suspend: the processors are free, the memory is not. */
  pause(work: Work): void {
    if (work.phase !== 'running') return;
    this.ledger.interrupted(ranSeconds(work, this.#now), 'stop');
    this.#books.leave(work);
    for (const part of work.parts) this.room.give(work.shape, part, true);
    this.placed.delete(work);
    work.interruptions++;
    this.#books.enter(work, 'paused');
  }

  /** It goes on where it was paused; false: its processors are taken. */
  unpause(work: Work): boolean {
    const { cpuMillicores, gpuMillis } = work.shape;
    const fits = work.parts.every(
      ({ node, tasks }) =>
        this.room.down[node] === 0 &&
        (this.room.cpu[node] ?? 0) >= cpuMillicores * tasks &&
        (this.room.gpu[node] ?? 0) >= gpuMillis * tasks,
    );
    if (work.phase !== 'paused' || !fits) return false;
    for (const part of work.parts) this.room.take(work.shape, part, true);
    this.placed.add(work);
    this.#resume(work);
    return true;
  }

  reject(work: Work, reason: string): void {
    this.ledger.rejected.set(work.index, reason);
    this.#books.enter(work, 'rejected');
    this.#settled(work);
  }

  /** Wakes the policy then, and does something first. */
  alarm(at: number, happen: () => void = () => undefined): void {
    this.#events.push(at, happen);
  }

  #submit(index: number): void {
    const job = this.jobs[index];
    if (job === undefined) return;
    const work = workOf(job, index, this.world);
    this.works.set(index, work);
    this.#unfinished++;
    this.ledger.events++;
    this.#books.enter(work, 'waiting');
    const { shape } = work;
    if (!this.#empty.fits(shape, shape.tasks)) {
      const of = this.world.isPool ? ` of ${Math.floor((this.world.nodes[0]?.cpuMillicores ?? 0) / 1_000)}` : '';
      this.reject(work, `needs ${work.job.processors} processors${of}: no room on all nodes together`);
    } else this.#policy?.submitted(work, this.#now);
  }

  #compute(work: Work): void {
    this.#books.leave(work);
    work.wasKilled = false;
    work.startedSeconds = this.#now;
    if (work.wantedSince !== undefined) this.ledger.wakeSeconds.push(this.#now - work.wantedSince);
    work.wantedSince = undefined;
    this.#resume(work);
    this.#policy?.began?.(work, this.#now);
  }

  #resume(work: Work): void {
    this.#books.enter(work, 'running');
    this.#after(work, work.job.runSeconds - work.doneSeconds, () => this.#end(work));
  }

  #end(work: Work): void {
    this.#books.leave(work);
    work.doneSeconds = work.job.runSeconds;
    this.#release(work);
    this.#books.enter(work, 'ended');
    this.ledger.endSeconds[work.index] = this.#now;
    this.ledger.drop(work.savedBytes);
    work.savedBytes = 0;
    this.#copies?.dropped(work);
    this.#policy?.ended(work, this.#now);
    this.#settled(work);
  }

  #settled(work: Work): void {
    this.works.delete(work.index);
    this.#options.judge?.settled(work, this.#now);
    this.#unfinished--;
    for (const follower of this.#precedence.over(work.index)) {
      this.#unfinished++;
      this.#events.push(Math.max(this.#now, this.jobs[follower]?.submitSeconds ?? 0), () => {
        this.#unfinished--;
        this.#submit(follower);
      });
    }
  }

  #dumped(work: Work, bytes: number, began: number): void {
    this.ledger.drop(work.savedBytes);
    this.ledger.store(bytes);
    this.ledger.traffic.moved('dump', bytes, began, this.#now);
    work.savedBytes = bytes;
    work.savedSeconds = work.doneSeconds;
    this.#copies?.made(work, work.parts, bytes);
    const { afterDump } = work;
    if (afterDump !== 'go on') {
      if (afterDump === 'sleep') this.ledger.sleeps++;
      else this.ledger.interrupted(ranSeconds(work, began), afterDump);
      work.interruptions++;
      this.#release(work);
      this.#books.enter(work, afterDump === 'sleep' ? 'asleep' : 'waiting');
    } else this.#resume(work);
    this.#policy?.dumped?.(work, this.#now);
    if (work.phase === 'asleep') this.#sleep(work, began);
  }

  /** From its dump on, until its next burst or the end of its run. */
  #sleep(work: Work, dumpBegan: number): void {
    const { session, runSeconds } = work.job;
    const burst = session === undefined ? runSeconds : nextBurst(session, work.doneSeconds);
    const until = Math.min(burst, runSeconds);
    const wantedAt = dumpBegan + until - work.doneSeconds;
    work.sinceSeconds = dumpBegan;
    this.#after(work, Math.max(0, wantedAt - this.#now), () => {
      this.#books.slept(work, until);
      if (until === runSeconds) {
        this.#end(work);
        return;
      }
      work.wantedSince = wantedAt;
      this.#books.enter(work, 'waiting');
      this.#policy?.woken?.(work, this.#now);
    });
  }

  #release(work: Work): void {
    // Of one that is paused the processors are free already.
    if (work.phase === 'paused') for (const part of work.parts) this.room.giveMemory(work.shape, part);
    else if (!work.isGuest) for (const part of work.parts) this.room.give(work.shape, part);
    work.parts = [];
    this.placed.delete(work);
  }

  #after(work: Work, seconds: number, happen: () => void): void {
    const { turn } = work;
    this.#events.push(this.#now + seconds, () => {
      if (work.turn === turn) happen();
    });
  }

  #restore(work: Work): void {
    const began = this.#now;
    this.#transfer(work, work.savedBytes, this.world.costs.restoreSeconds, () => {
      this.ledger.traffic.moved('restore', work.savedBytes, began, this.#now);
      this.#compute(work);
    });
  }

  /** Of a checkpoint, what lies on none of its nodes; in a pool all of it, which comes back to any processors. */
  #fetch(work: Work, done: () => void): void {
    const share = this.world.isPool ? 1 : (this.#copies?.missingShare(work) ?? 0);
    if (this.#copies === undefined || share === 0) done();
    else this.#copies.fetch(work, share, done);
  }

  /** A dump or restore: its fixed part, then its bytes. */
  #transfer(work: Work, bytes: number, fixedSeconds: number, done: () => void): void {
    const alone = this.#transfers.aloneSeconds(work, bytes);
    if (alone !== undefined) {
      this.#after(work, fixedSeconds + alone, done);
      return;
    }
    this.#after(work, fixedSeconds, () => {
      const { turn } = work;
      this.#transfers.begin(work, bytes, this.#now, () => {
        if (work.turn === turn) done();
      });
    });
  }
}
