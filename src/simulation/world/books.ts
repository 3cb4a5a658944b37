import type { Ledger } from '../ledger.ts';
import type { LossCause, Use } from '../outcome.ts';
import { meanUse } from './use.ts';
import { doneBy, type Part, type Phase, type Work } from './work.ts';

const USE_OF: Readonly<Partial<Record<Phase, Use>>> = {
  running: 'compute',
  dumping: 'dump',
  restoring: 'restore',
  restarting: 'restart',
};

/** Writes into the ledger what jobs held and lost, phase by phase, as they go from one to the next. */
export class Books {
  readonly #ledger: Ledger;
  readonly #applicationCheckpointSeconds: number;
  readonly #now: () => number;

  constructor(ledger: Ledger, applicationCheckpointSeconds: number, now: () => number) {
    this.#ledger = ledger;
    this.#applicationCheckpointSeconds = applicationCheckpointSeconds;
    this.#now = now;
  }

  enter(work: Work, phase: Phase): void {
    work.phase = phase;
    work.sinceSeconds = this.#now();
    work.turn++;
  }

  /** Books what the phase held; what it computed is done. */
  leave(work: Work): void {
    const use = USE_OF[work.phase];
    const done = work.doneSeconds;
    work.doneSeconds = doneBy(work, this.#now());
    const usedShare = use === 'compute' ? meanUse(work.job, done, work.doneSeconds) : 0;
    if (use !== undefined) for (const part of work.parts) this.#hold(work, use, part, work.sinceSeconds, usedShare);
    work.sinceSeconds = this.#now();
    work.turn++;
  }

  /** Books what it held up to now without computing. */
  prepared(work: Work): void {
    const use = work.phase === 'gathering' ? 'gangWait' : USE_OF[work.phase];
    for (const part of work.parts) {
      if (use !== undefined) this.#hold(work, use, part, use === 'gangWait' ? part.sinceSeconds : work.sinceSeconds, 0);
    }
  }

  /** What it did since its last checkpoint is lost; services keep nothing and lose nothing. */
  lose(work: Work, cause: LossCause): void {
    if (work.job.isService === true) {
      work.savedSeconds = work.doneSeconds;
      return;
    }
    const every = this.#applicationCheckpointSeconds;
    if (every !== Infinity)
      work.savedSeconds = Math.max(work.savedSeconds, Math.floor(work.doneSeconds / every) * every);
    const lost = work.doneSeconds - work.savedSeconds;
    work.doneSeconds = work.savedSeconds;
    const now = this.#now();
    for (const { node, tasks } of work.parts) {
      const processors = (work.job.processors * tasks) / work.shape.tasks;
      this.#ledger.lose({ job: work.index, node, processors, fromSeconds: now - lost, toSeconds: now }, cause);
    }
  }

  /** A session was idle from its dump on until it is at `toDone`: nothing happened, so its checkpoint holds all of that. */
  slept(work: Work, toDone: number): void {
    const slept = toDone - work.doneSeconds;
    const fromSeconds = work.sinceSeconds;
    this.#ledger.sleep({ fromSeconds, toSeconds: fromSeconds + slept, processors: work.job.processors });
    work.doneSeconds = toDone;
    work.savedSeconds = toDone;
  }

  #hold(work: Work, use: Use, { node, tasks }: Part, fromSeconds: number, usedShare: number): void {
    const processors = (work.job.processors * tasks) / work.shape.tasks;
    const { index: job, isGuest } = work;
    this.#ledger.hold({ job, use, node, processors, fromSeconds, toSeconds: this.#now() }, { usedShare, isGuest });
  }
}
