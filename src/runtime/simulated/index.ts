export type * from './faults.ts';
export { type SimulatedContainer, SimulatedMachine, type SimulatedPod } from './machine.ts';
export { type OutputSummary, SimulatedOutputs, type WrittenSteps } from './outputs.ts';
export type { Program } from './program.ts';
export { SimulatedRuntime, type SimulatedRuntimeOptions, type SimulatedRuntimeParts } from './simulated-runtime.ts';
export { INSTANT_TIMING, MEASURED_TIMING, type SimulatedTiming } from './timing.ts';
