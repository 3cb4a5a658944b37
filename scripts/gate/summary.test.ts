import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oneCheck } from './stage.ts';
import { summarize, totalLine } from './summary.ts';

const UNIT = {
  passed: 40,
  failed: 1,
  skipped: 2,
  failures: ['a.test.ts:3 adds\n    1 !== 2'],
  skips: ['b.test.ts x: no podman'],
};

test('the last line sums the tests, each other stage as one', () => {
  assert.equal(totalLine([oneCheck([]), oneCheck(['types: broken']), UNIT]), '41 passed, 2 failed, 2 skipped');
});

test('the summary shows what failed, what was skipped, and a row for each stage', () => {
  const text = summarize([
    { name: 'lint', result: oneCheck([]), milliseconds: 850 },
    { name: 'unit', result: UNIT, milliseconds: 12_345 },
  ]);
  assert.equal(
    text,
    [
      '',
      'Failed:',
      '  unit: a.test.ts:3 adds',
      '    1 !== 2',
      '',
      'Skipped:',
      '  b.test.ts x: no podman',
      '',
      'STAGE          PASSED   FAILED  SKIPPED  SECONDS',
      'lint                1        0        0      0.8',
      'unit               40        1        2     12.3',
      '',
    ].join('\n'),
  );
});
