import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { FermataError } from '../../model/index.ts';
import { SimulatedMachine, type SimulatedPod } from './machine.ts';
import type { SimulatedOutputs } from './outputs.ts';

/** The machine a state file describes; a fresh one when there is no such file. Throws `SimulatedStateUnreadable`. */
export function readMachine(stateFile: string, outputs: SimulatedOutputs): SimulatedMachine {
  let text: string;
  try {
    text = readFileSync(stateFile, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new SimulatedMachine(outputs);
    throw error;
  }
  try {
    return new SimulatedMachine(outputs, JSON.parse(text) as SimulatedPod[]);
  } catch (error) {
    throw new FermataError('SimulatedStateUnreadable', `${stateFile}: not a state of the simulated runtime`, {
      cause: error,
      nextStep: 'Remove the file; the simulated pods of this node are then gone.',
    });
  }
}

/** Writes the machine down in one step, before anybody hears of what changed in it. */
export function writeMachine(stateFile: string, machine: SimulatedMachine, now: number): void {
  mkdirSync(dirname(stateFile), { recursive: true, mode: 0o700 });
  const draft = `${stateFile}.partial`;
  writeFileSync(draft, JSON.stringify(machine.pods(now)), { mode: 0o600 });
  renameSync(draft, stateFile);
}
