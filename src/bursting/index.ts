export type { ConnectorSettings } from './connector-pod.ts';
export { BATCH_JOBS, type Job } from './job.ts';
export { OverflowController, type OverflowOptions } from './overflow-controller.ts';
export { reviewJob } from './review-job.ts';
export { type PodReviewParts, reviewOverflowPod } from './review-pod.ts';
