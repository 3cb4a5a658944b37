import type { Readable, Writable } from 'node:stream';
import type { BatchSystem } from './batch-system.ts';
import type { KeptJob } from './garbage.ts';
import type { JobReport, JobRequest } from './job.ts';
import type { LogPosition, PollAnswer } from './poll.ts';
import type { JobUsage } from './usage.ts';

/** What is known of a job that this connector or an earlier incarnation of it submitted. */
export interface Submission {
  id: string;
  /** It had been submitted before: this incarnation found it. */
  adopted: boolean;
}

/** What `hpc ls` shows of a job; kept beside it on the site. */
export interface JobCard {
  system: BatchSystem['name'];
  mark: string;
  jobName: string;
  name: string;
  /** Who asked for it: `namespace/name` of a Kubernetes Job, or the user's own words. */
  owner: string;
  /** Of the Kubernetes Job it stands for. */
  jobUid?: string;
  array?: string;
}

/**
 * One batch system, however it is reached. What it cannot do now throws `SiteUnreachable`, and may be tried again; what it
 * will not do throws another code.
 */
export interface BatchSite {
  readonly system: Pick<BatchSystem, 'name' | 'memoryMessage'>;
  /** For people: a host, or a URL. */
  readonly host: string;
  /** Why logs cannot be read here; empty where they can. */
  readonly withoutLogs: string;
  /** Absolute path of the job's folder there. */
  folderOf(mark: string, signal?: AbortSignal): Promise<string>;
  /** The job's own folder for files that are brought there; where it runs when files are staged. */
  workFolderOf(mark: string, signal?: AbortSignal): Promise<string>;
  /**
   * Submits the job, unless an earlier incarnation did: then that job is returned. Exactly one job comes of any number of calls.
   * Undefined when the job of this mark has ended badly and somebody was told so ({@link conclude}): the next try is another job.
   *
   * @throws FermataError `SubmitRefused` with the site's own words; `SiteUnreachable` when trying again is safe and may help
   */
  submit(request: JobRequest, card: JobCard, signal?: AbortSignal): Promise<Submission | undefined>;
  /** The job has ended, not well, and whoever waited for it is about to be told: it is not to be taken up again. */
  conclude(mark: string, signal?: AbortSignal): Promise<void>;
  /** The state of the job as the batch system's list has it, status files, and what is new in its logs. */
  poll(
    id: string,
    mark: string,
    positions: ReadonlyMap<string, LogPosition>,
    signal?: AbortSignal,
  ): Promise<PollAnswer>;
  /** What accounting knows; empty when it knows nothing (yet). */
  account(ids: readonly string[], signal?: AbortSignal): Promise<JobReport[]>;
  /** All jobs of this user as the batch system lists them. */
  list(signal?: AbortSignal): Promise<JobReport[]>;
  /** Asks for the end of the jobs. Ones that have ended are no fault: look whether they are gone. */
  cancel(ids: readonly string[], signal?: AbortSignal): Promise<void>;
  /** What the batch system says of one job, for people. */
  describe(id: string, signal?: AbortSignal): Promise<string>;
  /** What running jobs take, where the site tells; `running`: what the list has of them. */
  usage(running: readonly JobReport[], signal?: AbortSignal): Promise<JobUsage[]>;
  /** The jobs that connectors of this user have submitted here and that were not cleaned away, oldest first. */
  cards(signal?: AbortSignal): Promise<KeptJob[]>;
  /** Removes the job's folder there. Its logs go with it. */
  forget(mark: string, signal?: AbortSignal): Promise<void>;
  /** Were files brought there for this job? Then it may have begun to change them. */
  isStaged(mark: string, signal?: AbortSignal): Promise<boolean>;
  /** Unpacks a tar aside; {@link acceptFiles} puts it into its place once it is known to be whole. */
  receiveFiles(mark: string, archive: Readable, signal?: AbortSignal): Promise<void>;
  acceptFiles(mark: string, signal?: AbortSignal): Promise<void>;
  /** Packs what the patterns match in the job's work folder into a tar; a pattern that matches nothing is left out. */
  sendFiles(mark: string, patterns: readonly string[], archive: Writable, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
