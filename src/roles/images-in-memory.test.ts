import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mustBeInMemory } from './images-in-memory.ts';

test('checkpoints that are to be in memory alone may lie on a tmpfs, and nowhere else', () => {
  mustBeInMemory('/dev/shm');
  for (const folder of ['/proc', '/sys']) {
    assert.throws(() => mustBeInMemory(folder), { code: 'CheckpointsOnDisk' });
  }
});
