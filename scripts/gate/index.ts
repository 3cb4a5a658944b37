export { runGate } from './gate.ts';
