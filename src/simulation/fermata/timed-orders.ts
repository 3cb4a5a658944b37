import { idleFor } from '../world/session.ts';
import type { Stage } from '../world/stage.ts';
import { type AfterDump, disksOf, dumpBytesOf, isCheckpointable, type Work } from '../world/work.ts';
import type { Capability } from './capabilities.ts';

export interface TimedOrdersOptions {
  readonly capabilities: ReadonlySet<Capability>;
  /** How long a session has done nothing before it is suspended. */
  readonly idleAfterSeconds: number;
}

/** The checkpoints that nobody's need for room brings about: so often, against failures, and of sessions that are idle. */
export class TimedOrders {
  readonly #stage: Stage;
  readonly #options: TimedOrdersOptions;
  readonly #dumping: (work: Work, reason: 'Periodic' | 'Idle') => void;

  /** @param dumping told when such a dump has begun */
  constructor(stage: Stage, options: TimedOrdersOptions, dumping: (work: Work, reason: 'Periodic' | 'Idle') => void) {
    this.#stage = stage;
    this.#options = options;
    this.#dumping = dumping;
  }

  /** The job computes from now on. */
  began(work: Work): void {
    this.#plan(work, 0);
  }

  /** A dump of it failed, and it computes on: an idle session is given as much patience again. */
  dumpFailed(work: Work): void {
    this.#plan(work, this.#options.idleAfterSeconds);
  }

  #plan(work: Work, patienceSeconds: number): void {
    if (!isCheckpointable(work)) return;
    this.#planPeriodic(work);
    this.#planSleep(work, patienceSeconds);
  }

  /** Young's and Daly's interval: √(2 × mean time between failures of the job × dump time). */
  #planPeriodic(work: Work): void {
    const { world, now } = this.#stage;
    const { costs } = world;
    if (!this.#options.capabilities.has('periodic') || costs.nodeMtbfSeconds === Infinity) return;
    const disks = disksOf(work, world);
    const dumpSeconds = costs.dumpSeconds + dumpBytesOf(work, now) / disks / costs.nodeBytesPerSecond;
    this.#at(work, now + Math.sqrt((2 * costs.nodeMtbfSeconds * dumpSeconds) / disks), 'go on', 'Periodic');
  }

  #planSleep(work: Work, patienceSeconds: number): void {
    const { capabilities, idleAfterSeconds } = this.#options;
    const { session, runSeconds } = work.job;
    if (session === undefined || !capabilities.has('idle') || !capabilities.has('checkpoint')) return;
    const at = idleFor(session, work.doneSeconds + patienceSeconds, idleAfterSeconds);
    if (at < runSeconds) this.#at(work, this.#stage.now + at - work.doneSeconds, 'sleep', 'Idle');
  }

  #at(work: Work, at: number, afterDump: AfterDump, reason: 'Periodic' | 'Idle'): void {
    const { turn } = work;
    this.#stage.alarm(at, () => {
      if (work.turn === turn && this.#stage.dump(work, afterDump)) this.#dumping(work, reason);
    });
  }
}
