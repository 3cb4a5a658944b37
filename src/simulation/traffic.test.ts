import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Traffic } from './traffic.ts';

test('bytes count in the steps in which they moved, and outside of the window not at all', () => {
  const traffic = new Traffic({ fromSeconds: 100, toSeconds: 580 });
  // Steps of 10 s. Half of it before the window; then a step and a half; then at once.
  traffic.moved('dump', 200, 90, 110);
  traffic.moved('upload', 300, 115, 130);
  traffic.moved('fetch', 50, 579, 579);
  traffic.moved('restore', 70, 580, 600);
  const { dump, upload, fetch, restore } = traffic.series();
  assert.deepEqual(dump.slice(0, 2), [10, 0]);
  assert.deepEqual(upload.slice(0, 4), [0, 10, 20, 0]);
  assert.equal(fetch[47], 5);
  assert.ok(restore.every((one) => one === 0));
});
