export { interruptionTrace, type Span, type Trace } from './interruption-trace.ts';
export { LiveTimeline } from './live-timeline.ts';
export { recordedTransitions } from './recorded-timeline.ts';
export { renderTimeline } from './render.ts';
export type { Stage, Transition } from './stage.ts';
