import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rfc3339, seededRandom, VirtualClock } from '../../clock/index.ts';
import { EventRecorder, MemoryBacking, Registry } from '../../kubernetes/index.ts';
import {
  isConditionTrue,
  NODES,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  POD_GROUP_LABEL,
  POD_GROUPS,
  PODS,
  PRIORITY_CLASSES,
  SILENT_LOG,
  withCondition,
} from '../../model/index.ts';
import { Engine } from '../../scheduling/index.ts';
import { GroupController } from '../group/group-controller.ts';
import { Scheduler } from './scheduler.ts';

/** Two nodes full of one job of two ranks, scheduler and group controller; the test plays the nodes. */
async function cluster() {
  const clock = new VirtualClock();
  const registry = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  const parts = { store: registry, clock, random: seededRandom(2), log: SILENT_LOG };
  const events = new EventRecorder(parts, { component: 'test' });
  const room = { cpu: '1', memory: '4Gi', pods: '10' };
  for (const name of ['node-1', 'node-2']) {
    const ready = [{ type: 'Ready', status: 'True' }];
    await registry.create(NODES, { metadata: { name } });
    await registry.patch(
      NODES,
      { name },
      { status: { capacity: room, allocatable: room, conditions: ready } },
      { subresource: 'status' },
    );
  }
  await registry.create(PRIORITY_CLASSES, {
    metadata: { name: 'urgent', annotations: { 'fermata.dev/preemption-policy': 'CheckpointLowerPriority' } },
    value: 1_000,
  });
  const scheduler = new Scheduler({ ...parts, events, engine: new Engine() });
  const controller = new GroupController({ ...parts, events });
  scheduler.start();
  controller.start();
  await clock.advance(1_000);
  const status = (name: string, what: object) =>
    registry.patch(PODS, { namespace: 'default', name }, { status: what }, { subresource: 'status' });
  const create = (name: string, labels: Record<string, string>, priorityClassName?: string) =>
    registry.create(PODS, {
      metadata: { name, namespace: 'default', labels },
      spec: {
        schedulerName: 'fermata',
        ...(priorityClassName !== undefined && { priorityClassName }),
        containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1', memory: '1Gi' } } }],
      },
    });
  await registry.create(POD_GROUPS, { metadata: { name: 'job', namespace: 'default' }, spec: { minMember: 2 } });
  for (const name of ['rank-0', 'rank-1']) await create(name, { [POD_GROUP_LABEL]: 'job' });
  await clock.advance(5_000);
  for (const name of ['rank-0', 'rank-1']) {
    await status(name, { phase: 'Running', startTime: rfc3339(clock.now()) });
  }
  await clock.advance(120_000);
  /** What the agent of the member's node would write. */
  const agentSays = async (pod: string, type: string, reason = 'Test', value: 'True' | 'False' = 'True') => {
    const one = (await registry.list(POD_CHECKPOINTS)).items.find(({ spec }) => spec.sourcePod.name === pod);
    assert.ok(one, `no checkpoint of ${pod}`);
    const conditions = withCondition(one.status?.conditions, { type, status: value, reason }, rfc3339(clock.now()));
    const sourcePodUID = one.spec.sourcePod.uid ?? '';
    await registry.patch(
      POD_CHECKPOINTS,
      { namespace: 'default', name: one.metadata.name },
      { status: { ...one.status, nodeName: 'node-1', sourcePodUID, conditions } },
      { subresource: 'status' },
    );
    await clock.advance(100);
  };
  return {
    clock,
    registry,
    create,
    agentSays,
    read: (name: string) => registry.get(PODS, { namespace: 'default', name }),
    groups: async () => (await registry.list(POD_GROUP_CHECKPOINTS)).items,
    checkpoints: async () => (await registry.list(POD_CHECKPOINTS)).items,
    stop: () => Promise.all([scheduler.stop(), controller.stop()]),
  };
}

test('a victim in a group is interrupted by one order for the whole; its room is given when all are released', async () => {
  const the = await cluster();
  const urgent = await the.create('urgent', {}, 'urgent');
  await the.clock.advance(1_000);
  const [group, ...more] = await the.groups();
  assert.ok(group);
  assert.deepEqual(more, []);
  assert.deepEqual(group.spec.preemptor, { namespace: 'default', name: 'urgent', uid: urgent.metadata.uid });
  assert.equal(group.spec.postCheckpointState, 'Stopped');
  const members = await the.checkpoints();
  assert.deepEqual(members.map(({ spec }) => spec.sourcePod.name).sort(), ['rank-0', 'rank-1']);
  assert.ok(members.every(({ spec }) => spec.group === group.metadata.name && spec.preemptor?.name === 'urgent'));

  for (const pod of ['rank-0', 'rank-1']) await the.agentSays(pod, 'Prepared');
  assert.equal((await the.groups())[0]?.status?.decision?.verdict, 'Committed');
  for (const pod of ['rank-0', 'rank-1']) await the.agentSays(pod, 'Ready', 'CheckpointCompleted');
  for (const name of ['rank-0', 'rank-1']) {
    await the.registry.delete(PODS, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
  }
  await the.agentSays('rank-0', 'Released');
  await the.agentSays('rank-1', 'Released');
  await the.clock.advance(5_000);
  assert.ok(isConditionTrue((await the.groups())[0]?.status?.conditions, 'Released'));
  assert.notEqual((await the.read('urgent')).spec.nodeName, undefined);
  await the.stop();
});

test('of a group that was aborted the engine hears, and the preemptor is not bound', async () => {
  const the = await cluster();
  await the.create('urgent', {}, 'urgent');
  await the.clock.advance(1_000);
  await the.agentSays('rank-0', 'Prepared');
  await the.agentSays('rank-1', 'Ready', 'CheckpointFailed', 'False');
  assert.equal((await the.groups())[0]?.status?.decision?.verdict, 'Aborted');
  await the.agentSays('rank-0', 'Ready', 'CheckpointFailed', 'False');
  await the.clock.advance(2_000);
  assert.equal((await the.read('urgent')).spec.nodeName, undefined);
  assert.equal((await the.groups()).length, 1, 'it is not ordered again at once');
  await the.stop();
});
