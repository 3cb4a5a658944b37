export { type Distribution, type MeasureInput, type Metrics, measure } from './metrics.ts';
export { type Outcome, type Segment, submissionWindow, type Window } from './outcome.ts';
export { policyNames, type Scenario, simulate } from './policies.ts';
export { type Adaptation, adapt } from './trace/adapt.ts';
export { type ReadOptions, readSwf } from './trace/swf.ts';
export type { RejectedLine, RejectionReport, Trace, TraceJob } from './trace/trace-job.ts';
