import type { Amount, LossCause, Outcome, Segment, Use, Window } from './outcome.ts';
import { Traffic } from './traffic.ts';

const amount = (): Amount => ({ inWindow: 0, all: 0 });

/** Who computed for less than this before it had to give way again was interrupted too often. */
export const THRASH_SECONDS = 600;

export interface LedgerOptions {
  readonly window: Window;
  /** Keep every segment: for charts and judges. Default: only sums are kept. */
  readonly keepSegments?: boolean;
}

/** Books what jobs hold, when and for what. Sums are exact as long as times and processors are whole numbers. */
export class Ledger {
  readonly startSeconds: Float64Array;
  readonly endSeconds: Float64Array;
  readonly rejected = new Map<number, string>();
  readonly uses: Record<Use, Amount> = {
    compute: amount(),
    dump: amount(),
    restore: amount(),
    gangWait: amount(),
    restart: amount(),
  };
  readonly lost: Record<LossCause, Amount> = { preemption: amount(), failure: amount(), drain: amount() };
  readonly used = amount();
  readonly guests = amount();
  readonly slept = amount();
  readonly wakeSeconds: number[] = [];
  readonly kills: Record<LossCause, number> = { preemption: 0, failure: 0, drain: 0 };
  readonly traffic: Traffic;
  readonly segments: Segment[] = [];
  preemptions = 0;
  thrash = 0;
  restores = 0;
  migrations = 0;
  sleeps = 0;
  dumpsFailed = 0;
  bytesWritten = 0;
  nodeFailures = 0;
  drains = 0;
  events = 0;
  #storedBytes = 0;
  #peakStoredBytes = 0;
  readonly #window: Window;
  readonly #keepSegments: boolean;

  constructor(jobs: number, { window, keepSegments = false }: LedgerOptions) {
    this.startSeconds = new Float64Array(jobs).fill(Number.NaN);
    this.endSeconds = new Float64Array(jobs).fill(Number.NaN);
    this.#window = window;
    this.traffic = new Traffic(window);
    this.#keepSegments = keepSegments;
  }

  /** The job held `processors` from … to …; `usedShare` of them worked, while it computed. A guest has them from others. */
  hold(
    segment: Segment & { use: Use },
    { usedShare, isGuest = false }: { usedShare: number; isGuest?: boolean },
  ): void {
    const { use, fromSeconds, toSeconds, processors } = segment;
    if (toSeconds <= fromSeconds) return;
    const inWindow = this.#overlap(fromSeconds, toSeconds) * processors;
    const all = (toSeconds - fromSeconds) * processors;
    this.uses[use].inWindow += inWindow;
    this.uses[use].all += all;
    if (isGuest) {
      this.guests.inWindow += inWindow;
      this.guests.all += all;
    }
    if (use === 'compute') {
      this.used.inWindow += inWindow * usedShare;
      this.used.all += all * usedShare;
    }
    if (this.#keepSegments) this.segments.push(use === 'compute' ? { ...segment, usedShare } : segment);
  }

  /** A session slept from … to …: it was idle, and held nothing. */
  sleep({ fromSeconds, toSeconds, processors }: Pick<Segment, 'fromSeconds' | 'toSeconds' | 'processors'>): void {
    this.slept.inWindow += this.#overlap(fromSeconds, toSeconds) * processors;
    this.slept.all += (toSeconds - fromSeconds) * processors;
  }

  /** What was booked as computed then is thrown away. */
  lose(segment: Omit<Segment, 'use'>, cause: LossCause): void {
    const { fromSeconds, toSeconds, processors } = segment;
    if (toSeconds <= fromSeconds) return;
    this.lost[cause].inWindow += this.#overlap(fromSeconds, toSeconds) * processors;
    this.lost[cause].all += (toSeconds - fromSeconds) * processors;
    if (this.#keepSegments) this.segments.push({ ...segment, use: 'lost' });
  }

  /** It gives way to others, after so many seconds since it began to compute or came back. */
  interrupted(ranSeconds: number, how: 'stop' | 'migrate'): void {
    if (how === 'migrate') this.migrations++;
    else this.preemptions++;
    if (ranSeconds < THRASH_SECONDS) this.thrash++;
  }

  store(bytes: number): void {
    this.bytesWritten += bytes;
    this.#storedBytes += bytes;
    this.#peakStoredBytes = Math.max(this.#peakStoredBytes, this.#storedBytes);
  }

  drop(bytes: number): void {
    this.#storedBytes -= bytes;
  }

  outcome(): Outcome {
    const { startSeconds, endSeconds, rejected, uses, lost, used, guests, slept, sleeps, wakeSeconds } = this;
    const {
      kills,
      thrash,
      preemptions,
      restores,
      migrations,
      dumpsFailed,
      bytesWritten,
      nodeFailures,
      drains,
      events,
    } = this;
    return {
      startSeconds,
      endSeconds,
      rejected,
      uses,
      lost,
      used,
      guests,
      slept,
      sleeps,
      wakeSeconds,
      kills,
      thrash,
      traffic: this.traffic.series(),
      preemptions,
      restores,
      migrations,
      dumpsFailed,
      bytesWritten,
      peakStoredBytes: this.#peakStoredBytes,
      nodeFailures,
      drains,
      events,
      ...(this.#keepSegments ? { segments: this.segments } : {}),
    };
  }

  #overlap(from: number, to: number): number {
    return Math.max(0, Math.min(to, this.#window.toSeconds) - Math.max(from, this.#window.fromSeconds));
  }
}
