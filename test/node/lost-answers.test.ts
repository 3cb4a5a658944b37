import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, type ObjectStore } from '../../src/kubernetes/index.ts';
import { conditionOf, POD_CHECKPOINTS, PODS, type PodCheckpoint } from '../../src/model/index.ts';
import { counting, NodeWorld, STEPS, stopping } from './node-world.ts';

/** The write that takes up checkpoint c1 happens and its answer is lost; then c1 cannot be read `unread` times. */
function losing(unread: number): (store: ObjectStore) => ObjectStore {
  let lost = false;
  let left = unread;
  return (store) =>
    new Proxy(store, {
      get: (object, property) => {
        const value: unknown = Reflect.get(object, property, object);
        if (typeof value !== 'function') return value;
        if (property === 'patch') {
          return async (...call: Parameters<ObjectStore['patch']>) => {
            const answer = await object.patch(...call);
            if (lost || call[1].name !== 'c1') return answer;
            lost = true;
            throw noAnswer();
          };
        }
        if (property === 'get') {
          return async (...call: Parameters<ObjectStore['get']>) => {
            if (!lost || left === 0 || call[1].name !== 'c1') return object.get(...call);
            left -= 1;
            throw noAnswer();
          };
        }
        return value.bind(object);
      },
    });
}

function noAnswer(): Error {
  return new ApiError('Timeout', 'no answer came');
}

test("a pod that was taken up without an answer is nobody else's until that is tried again", async () => {
  const world = new NodeWorld({ network: losing(3) });
  await world.store.create(PODS, counting('victim', { nodeName: 'n1', steps: 100 }));
  await world.until(async () => (await world.phase('victim')) === 'Running');
  const inProgress = new Set<string>();
  const together: string[][] = [];
  world.store.subscribe(({ object }) => {
    if (object.kind !== 'PodCheckpoint') return;
    const { metadata, status } = object as PodCheckpoint;
    const reason = conditionOf(status?.conditions, 'Ready')?.reason;
    if (reason === 'CheckpointInProgress') inProgress.add(metadata.name);
    else inProgress.delete(metadata.name);
    if (inProgress.size > 1) together.push([...inProgress]);
  });
  const pod = await world.pod('victim');
  assert.ok(pod);
  for (const name of ['c1', 'c2'])
    await world.store.create(POD_CHECKPOINTS, stopping(pod, name, { postCheckpointState: 'Running' }));
  await world.until(async () => (await world.isTrue('c1', 'Ready')) && (await world.isTrue('c2', 'Ready')));
  assert.deepEqual(together, []);
  await world.until(async () => (await world.phase('victim')) === 'Succeeded');
  assert.deepEqual(world.outputs.steps('/shared/victim', world.clock.now()), STEPS(100));
  await world.stop();
});
