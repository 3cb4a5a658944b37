import type { Clock } from '../clock/index.ts';
import { FermataError, reasonOf } from '../model/index.ts';
import { arrayTasks } from './array-tasks.ts';
import type { BatchSite, Submission } from './batch-site.ts';
import { exitStatusOf, worstEnd } from './exit-status.ts';
import { followJob } from './follow.ts';
import type { JobEnd, JobRequest } from './job.ts';
import { jobNameOf, markOf } from './mark.ts';
import type { LogPiece } from './poll.ts';
import { type Staging, stageIn, stageOut } from './staging.ts';

export interface RunJobOptions {
  site: BatchSite;
  clock: Clock;
  request: JobRequest;
  /** What stays the same over incarnations of the connector: the Kubernetes Job's UID and completion index, say. */
  identity: string;
  /** Shown by `hpc ls`: `namespace/name` of the Job. */
  owner: string;
  /** Of that Job: a reaper finds the jobs whose Job is gone by it. */
  jobUid?: string;
  /** How long an unreachable site is tried before the job is first submitted. Default 300,000. */
  connectMilliseconds?: number;
  pollMilliseconds?: number;
  staging?: Staging;
  onLog(piece: LogPiece): void;
  onNotice(text: string): void;
}

/** The end of the job, or of the worst task of an array. */
export interface JobOutcome {
  id: string;
  ends: JobEnd[];
}

const CONNECT_MILLISECONDS = 300_000;
const RETRY_MILLISECONDS = 5000;
/** A cancel that shows no effect is asked for again. */
const CANCEL_AGAIN_MILLISECONDS = 20_000;

/**
 * Submits the job, or takes up the one that an earlier incarnation submitted, and follows it to its end. One that ended badly,
 * and of which an earlier incarnation has told, is submitted anew.
 *
 * When `cancel` is aborted the job is cancelled there and followed until it is seen gone; when `signal` is aborted the call ends
 * at once and leaves the job as it is.
 *
 * @throws FermataError `SubmitRefused`, `SiteRefused`, `SiteUnreachable` (before the submit only), `InvalidJobRequest`
 */
export async function runJob(options: RunJobOptions, cancel: AbortSignal, signal: AbortSignal): Promise<JobOutcome> {
  const { site, clock, request, identity, onLog, onNotice, pollMilliseconds, staging } = options;
  const tasks = request.array === undefined ? undefined : arrayTasks(request.array);
  let attempt = 1;
  const { id, adopted, mark } = await patiently(options, cancel, signal, async () => {
    for (; ; attempt++) {
      const current = markOf(identity, attempt);
      const submission = await submit(options, current, signal);
      if (submission !== undefined) return { ...submission, mark: current };
    }
  });
  onNotice(`${adopted ? 'took up' : 'submitted'} ${site.system.name} job ${id} on ${site.host}`);
  if (site.withoutLogs !== '') onNotice(`${site.withoutLogs}: ${await site.folderOf(mark, signal)}/stdout`);

  const over = new AbortController();
  const canceller = cancelWhenAsked(options, id, cancel, AbortSignal.any([over.signal, signal]));
  try {
    const ends = await followJob(
      {
        site,
        clock,
        id,
        mark,
        ...(tasks === undefined ? {} : { tasks }),
        ...(pollMilliseconds === undefined ? {} : { pollMilliseconds }),
        onLog,
        onNotice: (text) => onNotice(`job ${id}: ${text}`),
      },
      signal,
    );
    if (staging !== undefined && staging.out.length > 0 && !cancel.aborted) {
      onNotice(`bringing back ${staging.out.join(' ')}`);
      await patiently(options, cancel, signal, () => stageOut(site, mark, staging, signal));
    }
    if (exitStatusOf(worstEnd(ends)) !== 0) await conclude(options, mark, signal);
    return { id, ends };
  } finally {
    over.abort();
    await canceller;
  }
}

/**
 * Kubernetes makes the next pod in place of one that failed: it is to try anew, not to be told of the same end again. One that
 * succeeded is taken up for ever, so that a connector which dies with its last word does not make it run twice.
 */
async function conclude(options: RunJobOptions, mark: string, signal: AbortSignal): Promise<void> {
  try {
    await patiently(options, signal, signal, () => options.site.conclude(mark, signal));
  } catch (error) {
    signal.throwIfAborted();
    options.onNotice(`${reasonOf(error)}; a next try will find this end again`);
  }
}

/** Brings the files and submits; both are done once, however often this is called. */
async function submit(options: RunJobOptions, mark: string, signal: AbortSignal): Promise<Submission | undefined> {
  const { site, owner, jobUid, staging } = options;
  let { request } = options;
  if (staging !== undefined) {
    await stageIn(site, mark, staging, signal);
    request = { workingDirectory: await site.workFolderOf(mark, signal), ...request };
  }
  const card = {
    system: site.system.name,
    mark,
    jobName: jobNameOf(request.name, mark),
    name: request.name,
    owner,
    ...(jobUid === undefined ? {} : { jobUid }),
    ...(request.array === undefined ? {} : { array: request.array }),
  };
  return await site.submit(request, card, signal);
}

/**
 * Tries again while the site cannot be reached. A cancel waits for the answer of the try under way, since the job may be there
 * by then.
 */
async function patiently<T>(
  { clock, connectMilliseconds = CONNECT_MILLISECONDS, onNotice }: RunJobOptions,
  cancel: AbortSignal,
  signal: AbortSignal,
  act: () => Promise<T>,
): Promise<T> {
  const begun = clock.monotonic();
  for (;;) {
    cancel.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      const isTemporary = error instanceof FermataError && error.code === 'SiteUnreachable';
      if (!isTemporary || clock.monotonic() - begun >= connectMilliseconds) throw error;
      onNotice(`${reasonOf(error)}; trying again`);
      await clock.sleep(RETRY_MILLISECONDS, AbortSignal.any([cancel, signal]));
    }
  }
}

async function cancelWhenAsked(
  { site, clock, onNotice }: RunJobOptions,
  id: string,
  cancel: AbortSignal,
  over: AbortSignal,
): Promise<void> {
  await new Promise<void>((resolve) => {
    if (cancel.aborted || over.aborted) resolve();
    cancel.addEventListener('abort', () => resolve(), { once: true });
    over.addEventListener('abort', () => resolve(), { once: true });
  });
  while (!over.aborted) {
    try {
      onNotice(`cancelling job ${id}`);
      await site.cancel([id], over);
      await clock.sleep(CANCEL_AGAIN_MILLISECONDS, over);
    } catch (error) {
      if (over.aborted) return;
      onNotice(`job ${id} could not be cancelled yet: ${reasonOf(error)}`);
      await clock.sleep(RETRY_MILLISECONDS, over).catch(() => undefined);
    }
  }
}
