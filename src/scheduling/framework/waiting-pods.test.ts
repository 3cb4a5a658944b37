import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podInfo } from '../snapshot/pod-info.ts';
import { ResourceSpace } from '../snapshot/resource-space.ts';
import { pod } from '../testing.ts';
import { WaitingPods } from './waiting-pods.ts';

const info = (name: string) => podInfo(pod(name).build(), new ResourceSpace());

function waitingFor(...plugins: string[]): WaitingPods {
  const waiting = new WaitingPods();
  waiting.add(info('a'), 'n', new Map(plugins.map((plugin, index) => [plugin, 1_000 * (index + 1)])));
  return waiting;
}

test('waiting pods: bound once every plugin that asked to wait allows it', () => {
  const waiting = waitingFor('One', 'Two');
  waiting.allow('uid-a', 'One');
  assert.deepEqual(waiting.settle(0), []);
  waiting.allow('uid-a', 'Two');
  assert.deepEqual(waiting.settle(0), [{ type: 'Allowed', uid: 'uid-a' }]);
  assert.deepEqual(waiting.settle(0), [], 'told once');
});

test('waiting pods: a plugin that did not ask to wait allows nothing', () => {
  const waiting = waitingFor('One');
  waiting.allow('uid-a', 'Other');
  assert.deepEqual(waiting.settle(0), []);
  assert.equal(waiting.get('uid-a')?.nodeName, 'n');
});

test('waiting pods: one rejection ends the wait, and who comes too late is not heard', () => {
  const waiting = waitingFor('One', 'Two');
  waiting.reject('uid-a', 'Two', 'no quorum');
  waiting.allow('uid-a', 'One');
  assert.deepEqual(waiting.settle(0), [{ type: 'Rejected', uid: 'uid-a', plugin: 'Two', message: 'no quorum' }]);
});

test('waiting pods: the first patience that ends rejects', () => {
  const waiting = waitingFor('One', 'Two');
  assert.equal(waiting.nextDeadline(), 1_000);
  assert.deepEqual(waiting.settle(999), []);
  const [outcome] = waiting.settle(1_000);
  assert.equal(outcome?.type === 'Rejected' && outcome.plugin, 'One');
  assert.equal(waiting.nextDeadline(), Infinity);
});

test('waiting pods: a pod that is gone is only reported gone', () => {
  const waiting = waitingFor('One');
  waiting.forget('uid-a');
  assert.deepEqual(waiting.settle(5_000), [{ type: 'Gone', uid: 'uid-a' }]);
});
