export type { AdmissionRoleOptions } from './admission.ts';
export type { AgentRoleOptions } from './agent.ts';
export type { ControllerRoleOptions } from './controller.ts';
export { createLog, type LogLevel } from './log.ts';
export type { ClusterOptions, Running } from './role.ts';
export {
  cleanSandbox,
  type OwnCommand,
  ownCommand,
  type RunningSandbox,
  type SandboxOptions,
  startSandbox,
} from './sandbox.ts';
export type { SchedulerRoleOptions } from './scheduler.ts';
export { readSchedulerConfiguration } from './scheduler-configuration.ts';
export { untilStopped } from './until-stopped.ts';
export type { WebhookRoleOptions } from './webhook.ts';
