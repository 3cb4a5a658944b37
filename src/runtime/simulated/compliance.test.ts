import assert from 'node:assert/strict';
import { MemoryFiles } from '../../checkpoint/index.ts';
import { VirtualClock } from '../../clock/index.ts';
import { runtimeCompliance } from '../compliance/index.ts';
import { stepLine } from '../demo-program.ts';
import { SimulatedMachine } from './machine.ts';
import { SimulatedOutputs } from './outputs.ts';
import { SimulatedRuntime } from './simulated-runtime.ts';

runtimeCompliance('simulated', async () => {
  const clock = new VirtualClock();
  const files = new MemoryFiles();
  const outputs = new SimulatedOutputs();
  const runtime = new SimulatedRuntime({ clock, files, machine: new SimulatedMachine(outputs) });
  const secondNode = new SimulatedRuntime({ clock, files, machine: new SimulatedMachine(outputs) });
  return {
    runtime,
    secondNode,
    files,
    folder: '/compliance',
    image: 'localhost/fermata-demo:latest',
    stepMilliseconds: 100,
    toleranceMilliseconds: 0,
    now: () => clock.now(),
    pass: (milliseconds) => clock.advance(milliseconds),
    during: async (work) => {
      let done = false;
      const settled = Promise.allSettled([work]).then(() => {
        done = true;
      });
      await clock.advanceUntil(() => done);
      await settled;
      return work;
    },
    makeFolder: async () => undefined,
    readOutput: async (path) => outputs.steps(path, clock.now()).map(stepLine).join(''),
    cleanup: async () => assert.equal(clock.pending, 0, 'alarms are left'),
  };
});
