import type { Random } from '../../clock/index.ts';
import { EventQueue } from '../event-queue.ts';
import { Ledger } from '../ledger.ts';
import type { LossCause, Outcome, Use, Window } from '../outcome.ts';
import { followersOf } from '../pool/pool.ts';
import type { TraceJob } from '../trace/trace-job.ts';
import { Failures } from './failures.ts';
import type { Judge } from './judge.ts';
import { Room } from './room.ts';
import { SharedLink } from './shared-link.ts';
import { type AfterDump, doneBy, isCheckpointable, type Part, type Phase, type Work } from './work.ts';
import { imageBytesOf, shapeOf, type World } from './world.ts';

/** Decides in the world. It is told what happened, then has one pass an instant in which it acts on the stage. */
export interface WorldPolicy {
  submitted(work: Work, now: number): void;
  ended(work: Work, now: number): void;
  /** It began to compute: after its start, restore or restart. */
  began?(work: Work, now: number): void;
  /** The dump is complete. A job that was to stop has given up its room and waits; otherwise it computes on. */
  dumped?(work: Work, now: number): void;
  /** The dump failed: the job computes on as if nothing had been. */
  dumpFailed?(work: Work, now: number): void;
  /** A node failed under it: it waits again, from its last checkpoint on. */
  interrupted?(work: Work, now: number): void;
  nodeChanged?(node: number, now: number): void;
  pass(now: number): void;
  /** When it wants a pass though nothing happens; Infinity: never. */
  nextWakeup?(now: number): number;
}

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
  readonly #links: SharedLink[];
  readonly #busyLinks = new Set<SharedLink>();
  readonly #failures: Failures;
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
    const { storeBytesPerSecond, nodeBytesPerSecond } = world.costs;
    const store = storeBytesPerSecond === undefined ? undefined : new SharedLink(storeBytesPerSecond);
    this.#links = world.nodes.map(() => store ?? new SharedLink(nodeBytesPerSecond));
    this.#failures = new Failures(world, random);
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
    this.#planFailure();
    for (;;) {
      while (next < this.works.length && led.has(next)) next++;
      const link = Math.min(Infinity, ...[...this.#busyLinks].map((one) => one.nextEnd()));
      const wakeup = this.#unfinished > 0 ? (policy.nextWakeup?.(this.#now) ?? Infinity) : Infinity;
      const happening = Math.min(this.works[next]?.job.submitSeconds ?? Infinity, this.#events.earliest, link);
      // Failures go on for ever: without work they concern nobody.
      if (happening === Infinity && wakeup === Infinity) break;
      if (this.#unfinished === 0 && next >= this.works.length) break;
      this.#options.signal?.throwIfAborted();
      if (Math.min(happening, wakeup) > horizon) break;
      const now = Math.max(this.#now, Math.min(happening, wakeup));
      this.#now = now;
      for (const busy of this.#busyLinks) {
        busy.settle(now);
        if (busy.transfers === 0) this.#busyLinks.delete(busy);
      }
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
    this.room.take(work.shape, part);
    work.parts.push(part);
    this.placed.add(work);
    if (work.phase === 'waiting') this.#enter(work, 'gathering');
  }

  /** All tasks have room: the job is restored, restarted or just started. */
  begin(work: Work): void {
    for (const part of work.parts) this.#book(work, 'gangWait', part, part.sinceSeconds);
    const { costs } = this.world;
    if (Number.isNaN(this.ledger.startSeconds[work.index])) this.ledger.startSeconds[work.index] = this.#now;
    if (work.savedSeconds > 0) {
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
      if (fails) {
        this.ledger.dumpsFailed++;
        this.#resume(work);
        this.#policy?.dumpFailed?.(work, this.#now);
      } else this.#dumped(work);
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
    for (const part of work.parts) this.room.give(work.shape, part);
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
    this.ledger.hold({ job, use, node, processors, fromSeconds, toSeconds: this.#now }, usedShare);
  }

  #after(work: Work, seconds: number, happen: () => void): void {
    const { turn } = work;
    this.#events.push(this.#now + seconds, () => {
      if (work.turn === turn) happen();
    });
  }

  /** A dump or restore: its fixed part, then its bytes through the links of its nodes, the slowest last. */
  #transfer(work: Work, bytes: number, fixedSeconds: number, done: () => void): void {
    const { isPool, costs } = this.world;
    const isDisk = costs.storeBytesPerSecond === undefined;
    // In a pool every processor has its own disk.
    if (isDisk && (isPool || costs.nodeBytesPerSecond === Infinity)) {
      const perDisk = bytes / work.job.processors / costs.nodeBytesPerSecond;
      this.#after(work, fixedSeconds + perDisk, done);
      return;
    }
    this.#after(work, fixedSeconds, () => {
      const { turn } = work;
      let left = work.parts.length;
      for (const { node, tasks } of work.parts) {
        const link = this.#links[node];
        if (link === undefined) continue;
        this.#busyLinks.add(link);
        link.begin((bytes * tasks) / work.shape.tasks, this.#now, () => {
          left--;
          if (left === 0 && work.turn === turn) done();
        });
      }
    });
  }

  #planFailure(): void {
    const next = this.#failures.next(this.#now);
    if (next === undefined) return;
    this.#events.push(next.at, () => {
      this.#fail(next.node, next.processor);
      this.#planFailure();
    });
  }

  /** A node goes down with all that runs there; in a pool, the job that holds the processor fails and is not replaced for long. */
  #fail(node: number, processor: number): void {
    this.ledger.nodeFailures++;
    const victims = this.world.isPool ? this.#holderOf(processor) : [...this.placed, ...this.#pausedOn(node)];
    for (const work of victims) {
      if (!this.world.isPool && !work.parts.some((part) => part.node === node)) continue;
      this.kill(work, 'failure');
      this.#policy?.interrupted?.(work, this.#now);
    }
    if (this.world.isPool || this.room.down[node] === 1) return;
    this.room.down[node] = 1;
    this.#policy?.nodeChanged?.(node, this.#now);
    this.#events.push(this.#now + this.world.costs.nodeRepairSeconds, () => {
      this.room.down[node] = 0;
      this.#policy?.nodeChanged?.(node, this.#now);
    });
  }

  #pausedOn(node: number): Work[] {
    return this.works.filter((work) => work.phase === 'paused' && work.parts.some((part) => part.node === node));
  }

  #holderOf(processor: number): Work[] {
    let passed = 0;
    for (const work of this.placed) {
      passed += work.parts.reduce((sum, { tasks }) => sum + tasks, 0) * (work.job.processors / work.shape.tasks);
      if (processor < passed) return [work];
    }
    return [];
  }
}

function workOf(job: TraceJob, index: number, world: World): Work {
  return {
    index,
    job,
    shape: shapeOf(job, world),
    imageBytes: imageBytesOf(job, world),
    phase: 'announced',
    parts: [],
    doneSeconds: 0,
    savedSeconds: 0,
    savedBytes: 0,
    sinceSeconds: 0,
    startedSeconds: 0,
    wasKilled: false,
    interruptions: 0,
    afterDump: 'stop',
    turn: 0,
  };
}
