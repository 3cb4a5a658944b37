import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpointName } from './draft-checkpoint.ts';

test('the name of a checkpoint tells pod, incarnation and try', () => {
  assert.equal(checkpointName({ name: 'thesis', uid: '0123456789abcdef' }, 2), 'thesis-01234567-2');
});

test('the name of a pod that is too long is cut, not the suffix', () => {
  const name = checkpointName({ name: 'p'.repeat(253), uid: '0123456789abcdef' }, 1);
  assert.equal(name.length, 253);
  assert.ok(name.endsWith('p-01234567-1'));
});
