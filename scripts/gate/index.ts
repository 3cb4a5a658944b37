export { type GateOptions, runGate, UnknownPart } from './gate.ts';
