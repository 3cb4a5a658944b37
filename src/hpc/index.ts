export { type Access, type Answer, localAccess, type RunOptions, type SshOptions, sshAccess } from './access.ts';
export { arrayTasks } from './array-tasks.ts';
export type { BatchSite, JobCard, Submission } from './batch-site.ts';
export type { BatchSystem, JobFiles } from './batch-system.ts';
export type { JobCheckpoint } from './checkpoint-script.ts';
export { describeEnd, exitStatusOf, HPC_EXIT, worstEnd } from './exit-status.ts';
export { BATCH_SYSTEMS, findBatchSystem } from './find-system.ts';
export { followJob } from './follow.ts';
export { findGarbage, type Garbage, type KeptJob } from './garbage.ts';
export { GRID_ENGINE } from './gridengine.ts';
export type { JobComponent, JobEnd, JobPhase, JobReport, JobRequest } from './job.ts';
export { jobLabel } from './job.ts';
export { jobNameOf, markOf } from './mark.ts';
export { PBS } from './pbs.ts';
export type { LogPiece, PollAnswer } from './poll.ts';
export {
  count,
  HPC_ANNOTATION_PREFIX,
  jobComponent,
  mebibytes,
  type PodInfo,
  processors,
  readDownwardApi,
  requestOfPod,
  walltimeSeconds,
} from './resources.ts';
export { type JobOutcome, type RunJobOptions, runJob } from './run-job.ts';
export { DEFAULT_DIRECTORY, Site, type SiteOptions } from './site.ts';
export { SLURM } from './slurm.ts';
export { SlurmRestSite, type SlurmRestSiteOptions } from './slurm-rest/site.ts';
export type { Staging } from './staging.ts';
export type { JobUsage } from './usage.ts';
