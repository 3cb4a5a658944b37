import type { JobCard } from './batch-site.ts';
import { type JobReport, jobLabel } from './job.ts';

/** A job's card with its id, and when its folder was last written to. */
export type KeptJob = JobCard & { id: string; modified: number };

export interface Garbage {
  /** Jobs that go on there although the Kubernetes Job they stand for is gone. */
  orphans: KeptJob[];
  /** Ended, and long ago: their folders may go. */
  stale: KeptJob[];
}

/**
 * What the reaper may take. A job is an orphan only if it names the Job it stands for and that Job is not among the ones the
 * cluster has; one that was submitted by hand is nobody's orphan.
 *
 * @param jobUids UIDs of all Jobs of the cluster: the answer of a list that succeeded, never a guess
 * @param now milliseconds; `olderThan` milliseconds since a folder was last written to
 */
export function findGarbage(
  kept: readonly KeptJob[],
  listed: readonly JobReport[],
  jobUids: ReadonlySet<string>,
  { now, olderThan }: { now: number; olderThan: number },
): Garbage {
  const active = new Set(listed.filter(({ phase }) => phase !== 'Ended').map(({ id }) => jobLabel({ id })));
  return {
    orphans: kept.filter(({ id, jobUid }) => active.has(id) && jobUid !== undefined && !jobUids.has(jobUid)),
    stale: kept.filter(({ id, modified }) => !active.has(id) && now - modified >= olderThan),
  };
}
