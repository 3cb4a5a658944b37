import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DemoRun } from '../demo/index.ts';
import { DemoScreen } from './demo-screen.ts';

function screen(isTTY: boolean): { shown: () => string; demo: DemoScreen } {
  let text = '';
  const demo = new DemoScreen({
    isTTY,
    columns: 80,
    write: (part) => {
      text += part;
    },
  });
  return { shown: () => text, demo };
}

const RUN: DemoRun = {
  result: {
    runtime: 'simulated',
    preemptor: { createdToRunningMs: 812 },
    victim: { stepsBeforeDump: 40, firstStepAfterRestore: 41, completed: true, stepsLost: 0, stepsDoubled: 0 },
    checkpoint: { sizeBytes: 3 * 1024 ** 2, frozenMicroseconds: 290_400, dumpMs: 300, restoreMs: 350 },
    killed: { stepsLost: 38 },
    invariantViolations: 0,
  },
  violations: [],
  transitions: [
    { workload: 'demo/job', at: 1_000, stage: 'running', node: 'node-1' },
    { workload: 'demo/job', at: 3_500, stage: 'suspended' },
  ],
} as unknown as DemoRun;

test('a simulated demo says at once that nothing real runs, and why', () => {
  const { shown, demo } = screen(false);
  demo.headline('simulated', 'CRIU is missing', 256);
  assert.match(shown(), /^Runtime: simulated \(CRIU is missing\)\. No container runs/);
});

test('a real demo says that its containers are real', () => {
  const { shown, demo } = screen(false);
  demo.headline('podman', undefined, 64);
  assert.match(shown(), /^Runtime: podman\. Real containers .*\nA pod computes; it holds 64 MiB/);
});

test('without a terminal each change is a line with its time', () => {
  const { shown, demo } = screen(false);
  demo.start();
  for (const transition of RUN.transitions) demo.transition(transition);
  demo.stop();
  assert.equal(
    shown(),
    '  0.00 s  demo/job                 runs (node-1)\n' +
      '  2.50 s  demo/job                 is suspended: its state is saved, its room is free\n',
  );
});

test('on a terminal the timeline is drawn over itself', () => {
  const { shown, demo } = screen(true);
  for (const transition of RUN.transitions) demo.transition(transition);
  demo.stop();
  demo.stop();
  const lines = shown().split('\x1b[0J')[1]?.split('\n').length ?? 0;
  assert.ok(lines > 3);
  assert.ok(shown().includes(`\x1b[${lines - 1}A\x1b[0J`));
});

test('the summary tells what was lost, and names what was violated', () => {
  const { shown, demo } = screen(false);
  demo.summary({ ...RUN, violations: [{ invariant: 2, revision: 9, message: 'ran twice' }] }, 120);
  assert.match(shown(), /created to running in 812 ms/);
  assert.match(shown(), /after step 40; went on with step 41; finished all 120\n/);
  assert.match(shown(), /checkpoint {5}3\.0 MiB, frozen 290 ms, dump 300 ms, restore 350 ms/);
  assert.match(shown(), /threw away 38 steps/);
  assert.match(shown(), /1 violated\n {15}2: ran twice/);
});
