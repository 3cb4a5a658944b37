import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WriteLanes } from './write-lanes.ts';

test('writes of one key keep their order, those of another do not wait', async () => {
  const lanes = new WriteLanes();
  const done: string[] = [];
  let letFirstGo = (): void => undefined;
  const first = new Promise<void>((resolve) => {
    letFirstGo = resolve;
  });
  void lanes.run('a', async () => {
    await first;
    done.push('a1');
  });
  void lanes.run('a', async () => {
    done.push('a2');
  });
  await lanes.run('b', async () => {
    done.push('b1');
  });
  assert.deepEqual(done, ['b1']);
  letFirstGo();
  await lanes.idle();
  assert.deepEqual(done, ['b1', 'a1', 'a2']);
});
