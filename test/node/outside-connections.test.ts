import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  conditionOf,
  FermataError,
  INTERRUPTION_POLICIES,
  isConditionTrue,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  PODS,
} from '../../src/model/index.ts';
import type { CheckpointOptions } from '../../src/runtime/index.ts';
import { counting, NodeWorld, STEPS, stopping } from './node-world.ts';

type Outside = CheckpointOptions['outside'];

/** A node whose pods have the address 10.0.0.1 and a connection to the outside; what the runtime is told of such. */
async function world(policy: 'Keep' | 'Close' | 'Refuse'): Promise<{ the: NodeWorld; told: Outside[] }> {
  const told: Outside[] = [];
  const the = new NodeWorld({
    controller: true,
    policies: true,
    hands: (runtime) =>
      new Proxy(runtime, {
        get: (target, name) => {
          if (name !== 'checkpointPod') {
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function' ? value.bind(target) : value;
          }
          return (uid: string, options: CheckpointOptions) => {
            told.push(options.outside);
            if (options.outside?.policy !== 'Refuse') return target.checkpointPod(uid, options);
            return Promise.reject(new FermataError('ConnectionsOutside', 'perl (process 7) is connected'));
          };
        },
      }),
  });
  const spec = { outsideConnections: policy };
  await the.store.create(INTERRUPTION_POLICIES, { metadata: { namespace: 'default', name: 'all' }, spec });
  const draft = counting('victim', { nodeName: 'n1' });
  await the.store.create(PODS, { ...draft, metadata: { ...draft.metadata, labels: { app: 'ring' } } });
  await the.until(async () => (await the.phase('victim')) === 'Running');
  return { the, told };
}

test('a pod whose policy refuses runs on, and the condition says who is connected', async () => {
  const { the, told } = await world('Refuse');
  const pod = await the.pod('victim');
  assert.ok(pod);
  await the.store.create(POD_CHECKPOINTS, stopping(pod, 'c1'));
  const key = { namespace: 'default', name: 'c1' };
  const ready = async () => conditionOf((await the.store.get(POD_CHECKPOINTS, key)).status?.conditions, 'Ready');
  await the.until(async () => (await ready())?.reason === 'CheckpointFailed');
  assert.match((await ready())?.message ?? '', /perl \(process 7\) is connected/);
  assert.deepEqual(told, [{ policy: 'Refuse', members: [] }]);
  await the.until(async () => (await the.phase('victim')) === 'Succeeded');
  assert.deepEqual(the.outputs.steps('/shared/victim', the.clock.now()), STEPS(20));
  await the.stop();
});

test('what a policy closes, and what it keeps, the runtime is told with the addresses of the group', async () => {
  for (const [policy, want] of [
    ['Close', { policy: 'Close', members: ['10.0.0.1'] }],
    ['Keep', undefined],
  ] as const) {
    const { the, told } = await world(policy);
    const address = { status: { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] } };
    await the.store.patch(PODS, { namespace: 'default', name: 'victim' }, address, { subresource: 'status' });
    const group = { namespace: 'default', name: 'ring' };
    await the.store.create(POD_GROUP_CHECKPOINTS, {
      metadata: group,
      spec: { selector: { matchLabels: { app: 'ring' } } },
    });
    await the.until(async () => {
      const { status } = await the.store.get(POD_GROUP_CHECKPOINTS, group);
      return isConditionTrue(status?.conditions, 'Ready');
    });
    assert.deepEqual(told, [want]);
    await the.stop();
  }
});
