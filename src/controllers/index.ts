export { GroupController } from './group/group-controller.ts';
export { type PodAdmission, PodIdentity, type PodVerdict } from './identity/pod-identity.ts';
export { nextIncarnation } from './interruption/incarnation.ts';
export { InterruptionController } from './interruption/interruption-controller.ts';
export { WorkloadMetrics } from './interruption/workload-metrics.ts';
export { RetentionController } from './retention/retention-controller.ts';
export { checkpointName } from './scheduling/draft-checkpoint.ts';
export { Scheduler, type SchedulerOptions } from './scheduling/scheduler.ts';
export { SchedulerMetrics } from './scheduling/scheduler-metrics.ts';
