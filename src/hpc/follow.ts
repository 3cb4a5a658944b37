import type { Clock } from '../clock/index.ts';
import { reasonOf } from '../model/index.ts';
import { isRefusedAccess } from './access.ts';
import type { BatchSite } from './batch-site.ts';
import type { JobEnd } from './job.ts';
import type { LogPiece, LogPosition, PollAnswer } from './poll.ts';
import { type Verdict, verdictOf } from './verdict.ts';

export interface FollowOptions {
  site: BatchSite;
  clock: Clock;
  id: string;
  mark: string;
  /** Indices of an array; default: no array. */
  tasks?: readonly string[];
  /** Longest pause between two looks at the job's own files; shorter while there is something new. Default 2,000. */
  pollMilliseconds?: number;
  onLog(piece: LogPiece): void;
  /** What a person following the job wants to know, in one line. */
  onNotice(text: string): void;
}

/** Between tries when the site does not answer: doubling from the first to the second. */
const BACKOFF_MILLISECONDS = { first: 2000, last: 60_000 };
const FIRST_POLL_MILLISECONDS = 300;
/** Accounting may lag behind the queue by so long. */
const ACCOUNTING_LAG_MILLISECONDS = 120_000;
/** Between two questions to accounting. */
const ACCOUNTING_MILLISECONDS = 5000;
/** An end by a node's failure or a preemption must stand so long: until then the site may requeue the job. */
const REQUEUE_MILLISECONDS = 15_000;
const SIGKILL = 9;
/** Between the last looks at the logs. */
const DRAIN_MILLISECONDS = 500;

/**
 * Follows a job to its end, through anything: a login node that is away, a batch system that does not answer, logs that rotate.
 * Every line of the logs comes once. Resolves when the job has ended and its logs are read to their end.
 */
export async function followJob(options: FollowOptions, signal: AbortSignal): Promise<JobEnd[]> {
  const follower = new Follower(options, signal);
  return await follower.follow();
}

class Follower {
  readonly #options: FollowOptions;
  readonly #signal: AbortSignal;
  readonly #positions = new Map<string, LogPosition>();
  /** Files of standard errors in which the batch system says that it killed the job for its memory. */
  readonly #outOfMemory = new Set<string>();
  #lastNotice = '';
  #askedAccountingAt: number | undefined;
  #unknownSince: number | undefined;
  #doubtfulSince: number | undefined;

  constructor(options: FollowOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  async follow(): Promise<JobEnd[]> {
    const { clock, pollMilliseconds = 2000 } = this.#options;
    let pause = Math.min(FIRST_POLL_MILLISECONDS, pollMilliseconds);
    for (;;) {
      const answer = await this.#poll();
      const verdict = await this.#judge(answer);
      const ends = this.#endsOf(verdict, answer.listError);
      if (ends !== undefined) {
        await this.#drain();
        return ends.map((end, index) => this.#refined(end, index));
      }
      if (answer.isMore) continue;
      const isQuiet = answer.logs.length === 0;
      pause = isQuiet ? Math.min(pause * 1.5, pollMilliseconds) : Math.min(FIRST_POLL_MILLISECONDS, pollMilliseconds);
      await clock.sleep(pause, this.#signal);
    }
  }

  /** One look, repeated until the site answers. */
  async #poll(): Promise<PollAnswer> {
    const { site, id, mark, onLog } = this.#options;
    const answer = await this.#insist(() => site.poll(id, mark, this.#positions, this.#signal));
    for (const piece of answer.logs) {
      this.#positions.set(piece.file, piece.position);
      if (site.system.memoryMessage?.test(piece.bytes.toString()) === true) this.#outOfMemory.add(piece.file);
      onLog(piece);
    }
    return answer;
  }

  async #judge(answer: PollAnswer): Promise<Verdict> {
    const { clock, site, id, tasks } = this.#options;
    const findings = {
      tasks: tasks ?? [undefined],
      listed: answer.jobs,
      isListKnown: answer.isListKnown,
      statusFiles: answer.statusFiles,
    };
    const verdict = verdictOf(findings);
    if (verdict.kind !== 'AskAccounting') return verdict;
    const now = clock.monotonic();
    if (this.#askedAccountingAt !== undefined && now - this.#askedAccountingAt < ACCOUNTING_MILLISECONDS)
      return verdict;
    this.#askedAccountingAt = now;
    const accounted = await this.#insist(() => site.account([id], this.#signal));
    return verdictOf({ ...findings, accounted });
  }

  /** The ends, once they are certain. */
  #endsOf(verdict: Verdict, listError: string | undefined): JobEnd[] | undefined {
    const { clock, site, tasks } = this.#options;
    if (verdict.kind === 'Active') {
      const { phase, native, reason, nodes } = verdict;
      const where = phase === 'Running' && nodes !== undefined ? ` on ${nodes}` : '';
      this.#notice(
        listError === undefined
          ? `${phase.toLowerCase()}${where} (${reason ?? native})`
          : `${site.system.name} does not answer; the job goes on: ${listError}`,
      );
      this.#unknownSince = undefined;
      this.#doubtfulSince = undefined;
      return undefined;
    }
    if (verdict.kind === 'Ended') {
      const mayComeBack = verdict.ends.some(({ kind }) => kind === 'NodeFailure' || kind === 'Preempted');
      this.#doubtfulSince ??= clock.monotonic();
      if (!mayComeBack || clock.monotonic() - this.#doubtfulSince >= REQUEUE_MILLISECONDS) return verdict.ends;
      return undefined;
    }
    if (verdict.kind === 'AskAccounting') return undefined;
    this.#unknownSince ??= clock.monotonic();
    this.#notice('left the queue; waiting for accounting to say how it ended');
    if (clock.monotonic() - this.#unknownSince < ACCOUNTING_LAG_MILLISECONDS) return undefined;
    return (tasks ?? [undefined]).map(() => ({ kind: 'Lost' }));
  }

  /** What the job wrote last may reach a shared file system after its end is known. */
  async #drain(): Promise<void> {
    for (let quiet = 0; quiet < 2; ) {
      const { logs } = await this.#poll();
      quiet = logs.length === 0 ? quiet + 1 : 0;
      if (quiet === 1) await this.#options.clock.sleep(DRAIN_MILLISECONDS, this.#signal);
    }
  }

  #refined(end: JobEnd, index: number): JobEnd {
    const task = this.#options.tasks?.[index];
    const isKilled = end.kind === 'Signalled' && end.signal === SIGKILL;
    return isKilled && this.#outOfMemory.has(task === undefined ? 'stderr' : `stderr.${task}`)
      ? { kind: 'OutOfMemory' }
      : end;
  }

  async #insist<T>(act: () => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    let pause = BACKOFF_MILLISECONDS.first;
    for (;;) {
      try {
        return await act();
      } catch (error) {
        this.#signal.throwIfAborted();
        this.#notice(`${isRefusedAccess(error) ? '' : 'the job goes on; '}${reasonOf(error)}`);
        await clock.sleep(pause, this.#signal);
        pause = Math.min(pause * 2, BACKOFF_MILLISECONDS.last);
      }
    }
  }

  #notice(text: string): void {
    if (text === this.#lastNotice) return;
    this.#lastNotice = text;
    this.#options.onNotice(text);
  }
}
