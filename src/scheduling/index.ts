export { parseSchedulerConfiguration, type SchedulerConfiguration } from './configuration/configuration.ts';
export type * from './contract.ts';
export { Engine, type EngineOptions } from './engine.ts';
export { DEFAULT_PROFILE, type Profile } from './framework/profile.ts';
export { fitCurve, leaveOneOutError, predictedSeconds } from './interruption/calibration/fit.ts';
export { TEN_APPLICATIONS } from './interruption/calibration/ten-applications.ts';
