import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accountSteps } from './steps.ts';

const cases: Record<string, { output: string; expected: number; lost: number; doubled: number }> = {
  'every step once': { output: 'step 1\nstep 2\nstep 3\n', expected: 3, lost: 0, doubled: 0 },
  'a step that is missing is lost': { output: 'step 1\nstep 3\n', expected: 3, lost: 1, doubled: 0 },
  'a step done again is doubled': { output: 'step 1\nstep 2\nstep 2\nstep 3\n', expected: 3, lost: 0, doubled: 1 },
  'a restart from zero doubles all that was done': {
    output: 'step 1\nstep 2\nstep 1\nstep 2\nstep 3\n',
    expected: 3,
    lost: 0,
    doubled: 2,
  },
  'lines of others do not count': { output: 'hello\nstep 1\nstep x\n', expected: 1, lost: 0, doubled: 0 },
  'nothing written is all lost': { output: '', expected: 4, lost: 4, doubled: 0 },
};

for (const [name, { output, expected, lost, doubled }] of Object.entries(cases)) {
  test(name, () => {
    const account = accountSteps(output, expected);
    assert.deepEqual({ lost: account.lost, doubled: account.doubled }, { lost, doubled });
  });
}
