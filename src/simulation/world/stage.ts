import type { Random } from '../../clock/index.ts';
import { EventQueue } from '../event-queue.ts';
import { Ledger } from '../ledger.ts';
import type { LossCause, Outcome, Use, Window } from '../outcome.ts';
import { followersOf } from '../pool/pool.ts';
import type { TraceJob } from '../trace/trace-job.ts';
import type { Judge } from './judge.ts';
import { NodeOutages } from './node-outages.ts';
import { Room } from './room.ts';
import { Transfers } from './transfers.ts';
import { type AfterDump, doneBy, isCheckpointable, type Part, type Phase, type Work, workOf } from './work.ts';
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

const USE_OF: Readonly<Partial<Record<Phase, Use>>> = {
  running: 'compute',
  dumping: 'dump',
  restoring: 'restore',
  restarting: 'restart',
};

/** The simulated world: what jobs do on its nodes in virtual time. Policies decide, this carries out and keeps the books. */
export class Stage {
  readonly works: readonly Work[];
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
  readonly #outages: NodeOutages;
  #policy: WorldPolicy | undefined;
  #unfinished = 0;
  #now = 0;
  #followers: ReadonlyMap<number, readonly number[]> = new Map();

  constructor(options: StageOptions) {
    const { jobs, world, window, keepSegments = false, random } = options;
    this.#options = options;
    this.world = world;
    this.room = new Room(world);
    this.#empty = new Room(world);
    this.ledger = new Ledger(jobs.length, { window, keepSegments });
    this.works = jobs.map((job, index) => workOf(job, index, world));
    this.#transfers = new Transfers(world);
    this.#outages = new NodeOutages(this, random);
  }

  get now(): number {
    return this.#now;
  }

  /** Runs the trace to its end: until every job that can has ended. */
  run(makePolicy: (stage: Stage) => WorldPolicy): Outcome {
    const policy = makePolicy(this);
    this.#policy = policy;
    const followers = followersOf(this.works.map(({ job }) => job));
    const led = new Set([...followers.values()].flat());
    this.#followers = followers;
    const horizon = (this.works.at(-1)?.job.submitSeconds ?? 0) + HORIZON_SECONDS;
    let next = 0;
    this.#outages.begin();
    for (;;) {
      while (next < this.works.length && led.has(next)) next++;
      const wakeup = this.#unfinished > 0 ? (policy.nextWakeup?.(this.#now) ?? Infinity) : Infinity;
      const happening = Math.min(
        this.works[next]?.job.submitSeconds ?? Infinity,
        this.#events.earliest,
        this.#transfers.nextEnd(),
      );
      // Failures go on for ever: without work they concern nobody.
      if (happening === Infinity && wakeup === Infinity) break;
      if (this.#unfinished === 0 && next >= this.works.length) break;
      this.#options.signal?.throwIfAborted();
      if (Math.min(happening, wakeup) > horizon) break;
      const now = Math.max(this.#now, Math.min(happening, wakeup));
      this.#now = now;
      this.#transfers.settle(now);
      while (this.#events.earliest <= now) {
        this.ledger.events++;
        this.#events.pop()?.();
      }
      for (let work = this.works[next]; work !== undefined && work.job.submitSeconds <= now; work = this.works[next]) {
        if (!led.has(next)) this.#submit(work);
        next++;
      }
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
    if (work.phase === 'waiting') this.#enter(work, 'gathering');
  }

  /** All tasks have room: the job is restored, restarted or just started. */
  begin(work: Work): void {
    for (const part of work.parts) this.#book(work, 'gangWait', part, part.sinceSeconds);
    const { costs } = this.world;
    if (Number.isNaN(this.ledger.startSeconds[work.index])) this.ledger.startSeconds[work.index] = this.#now;
    if (work.savedSeconds > 0 && work.job.isService !== true) {
      this.ledger.restores++;
      this.#enter(work, 'restoring');
      this.#transfer(work, work.savedBytes, costs.restoreSeconds, () => this.#compute(work));
    } else if (work.wasKilled && costs.restartSeconds > 0) {
      this.#enter(work, 'restarting');
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
    const use = work.phase === 'gathering' ? 'gangWait' : USE_OF[work.phase];
    for (const part of work.parts) {
      if (use !== undefined) this.#book(work, use, part, use === 'gangWait' ? part.sinceSeconds : work.sinceSeconds);
    }
    this.#release(work);
    this.#enter(work, 'waiting');
  }

  /** Ends its processes: what was done since its last checkpoint is lost. */
  kill(work: Work, cause: LossCause = 'preemption'): void {
    if (work.phase === 'gathering' || work.phase === 'restoring' || work.phase === 'restarting') this.abandon(work);
    else {
      this.#leave(work);
      this.#loseUnsaved(work, cause);
      if (work.phase !== 'paused') this.#release(work);
      else this.#dropMemory(work);
      this.#enter(work, 'waiting');
    }
    work.wasKilled = true;
    work.interruptions++;
    if (cause === 'preemption') this.ledger.preemptions++;
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

  /** Tells the policy that the node went or came back. */
  nodeChanged(node: number): void {
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
    this.#leave(work);
    this.#enter(work, 'dumping');
    const { dumpSeconds, dumpFailureShare } = this.world.costs;
    const measured = work.job.dumpSeconds;
    const [bytes, seconds] = measured === undefined ? [work.imageBytes, dumpSeconds] : [0, measured];
    const fails = dumpFailureShare > 0 && this.#options.random() < dumpFailureShare;
    this.#transfer(work, bytes, seconds, () => {
      this.#leave(work);
      if (!fails) {
        this.#dumped(work);
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
    this.#leave(work);
    for (const part of work.parts) this.room.give(work.shape, part, true);
    this.placed.delete(work);
    work.interruptions++;
    this.ledger.preemptions++;
    this.#enter(work, 'paused');
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
    this.#enter(work, 'rejected');
    this.#settled(work);
  }

  /** Wakes the policy then, and does something first. */
  alarm(at: number, happen: () => void = () => undefined): void {
    this.#events.push(at, happen);
  }

  #submit(work: Work): void {
    this.#unfinished++;
    this.ledger.events++;
    this.#enter(work, 'waiting');
    const { shape } = work;
    if (!this.#empty.fits(shape, shape.tasks)) {
      const of = this.world.isPool ? ` of ${Math.floor((this.world.nodes[0]?.cpuMillicores ?? 0) / 1_000)}` : '';
      this.reject(work, `needs ${work.job.processors} processors${of}: no room on all nodes together`);
    } else this.#policy?.submitted(work, this.#now);
  }

  #compute(work: Work): void {
    this.#leave(work);
    work.wasKilled = false;
    work.startedSeconds = this.#now;
    this.#resume(work);
    this.#policy?.began?.(work, this.#now);
  }

  #resume(work: Work): void {
    this.#enter(work, 'running');
    this.#after(work, work.job.runSeconds - work.doneSeconds, () => this.#end(work));
  }

  #end(work: Work): void {
    this.#leave(work);
    work.doneSeconds = work.job.runSeconds;
    this.#release(work);
    this.#enter(work, 'ended');
    this.ledger.endSeconds[work.index] = this.#now;
    this.ledger.drop(work.savedBytes);
    work.savedBytes = 0;
    this.#policy?.ended(work, this.#now);
    this.#settled(work);
  }

  #settled(work: Work): void {
    this.#unfinished--;
    for (const follower of this.#followers.get(work.index) ?? []) {
      const other = this.works[follower];
      if (other === undefined) continue;
      this.#unfinished++;
      this.#events.push(Math.max(this.#now, other.job.submitSeconds), () => {
        this.#unfinished--;
        this.#submit(other);
      });
    }
  }

  #dumped(work: Work): void {
    this.ledger.drop(work.savedBytes);
    this.ledger.store(work.imageBytes);
    work.savedBytes = work.imageBytes;
    work.savedSeconds = work.doneSeconds;
    if (work.afterDump !== 'go on') {
      if (work.afterDump === 'migrate') this.ledger.migrations++;
      else this.ledger.preemptions++;
      work.interruptions++;
      this.#release(work);
      this.#enter(work, 'waiting');
    } else this.#resume(work);
    this.#policy?.dumped?.(work, this.#now);
  }

  #loseUnsaved(work: Work, cause: LossCause): void {
    if (work.job.isService === true) {
      work.savedSeconds = work.doneSeconds;
      return;
    }
    const { applicationCheckpointSeconds: every } = this.world.costs;
    if (every !== Infinity)
      work.savedSeconds = Math.max(work.savedSeconds, Math.floor(work.doneSeconds / every) * every);
    const lost = work.doneSeconds - work.savedSeconds;
    work.doneSeconds = work.savedSeconds;
    for (const part of work.parts) {
      const { node, tasks } = part;
      const processors = (work.job.processors * tasks) / work.shape.tasks;
      this.ledger.lose(
        { job: work.index, node, processors, fromSeconds: this.#now - lost, toSeconds: this.#now },
        cause,
      );
    }
  }

  /** Books what the phase held; what it computed is done. */
  #leave(work: Work): void {
    const use = USE_OF[work.phase];
    work.doneSeconds = doneBy(work, this.#now);
    if (use !== undefined) for (const part of work.parts) this.#book(work, use, part, work.sinceSeconds);
    work.sinceSeconds = this.#now;
    work.turn++;
  }

  #enter(work: Work, phase: Phase): void {
    work.phase = phase;
    work.sinceSeconds = this.#now;
    work.turn++;
  }

  #release(work: Work): void {
    if (!work.isGuest) for (const part of work.parts) this.room.give(work.shape, part);
    work.parts = [];
    this.placed.delete(work);
  }

  /** Of a paused job: its processors are free already. */
  #dropMemory(work: Work): void {
    for (const part of work.parts) {
      this.room.take(work.shape, part, true);
      this.room.give(work.shape, part);
    }
    work.parts = [];
  }

  #book(work: Work, use: Use, { node, tasks }: Part, fromSeconds: number): void {
    const processors = (work.job.processors * tasks) / work.shape.tasks;
    const { index: job } = work;
    const usedShare = work.job.usedShare ?? 1;
    const { isGuest } = work;
    this.ledger.hold({ job, use, node, processors, fromSeconds, toSeconds: this.#now }, { usedShare, isGuest });
  }

  #after(work: Work, seconds: number, happen: () => void): void {
    const { turn } = work;
    this.#events.push(this.#now + seconds, () => {
      if (work.turn === turn) happen();
    });
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
