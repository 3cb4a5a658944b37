export { GroupController } from './group/group-controller.ts';
export { nextIncarnation } from './interruption/incarnation.ts';
export { InterruptionController } from './interruption/interruption-controller.ts';
export { RetentionController } from './retention/retention-controller.ts';
export { checkpointName } from './scheduling/draft-checkpoint.ts';
export { Scheduler, type SchedulerOptions } from './scheduling/scheduler.ts';
