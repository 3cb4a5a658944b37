export { CAPABILITIES, CAPABILITY_NAMES, type Capability } from './fermata/capabilities.ts';
export { generateApplications } from './generate/applications.ts';
export { atLoad, generateLublin } from './generate/lublin.ts';
export { generateResearch } from './generate/research.ts';
export { type Distribution, type MeasureInput, type Metrics, measure } from './metrics.ts';
export { type Outcome, type Segment, submissionWindow, type Window } from './outcome.ts';
export { policyNames, type Scenario, simulate } from './policies.ts';
export { type ReportInput, reportPage, type SweepPoint } from './report/page.ts';
export { type Adaptation, adapt } from './trace/adapt.ts';
export { formatOf, TRACE_FORMATS, type TraceFormat } from './trace/formats.ts';
export type { RecordedLine } from './trace/kubernetes.ts';
export { readOpenbNodes } from './trace/openb.ts';
export { type ReadOptions, readSwf } from './trace/swf.ts';
export type { RejectedLine, RejectionReport, Trace, TraceJob } from './trace/trace-job.ts';
export { Judge, type Violation } from './world/judge.ts';
export {
  capacityOf,
  DEFAULT_COSTS,
  nodeWorld,
  poolWorld,
  type World,
  type WorldCosts,
  type WorldNode,
} from './world/world.ts';
