import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { rfc3339, seededRandom, VirtualClock } from '../../clock/index.ts';
import { ApiError, EventRecorder, MemoryBacking, type ObjectStore, Registry } from '../../kubernetes/index.ts';
import {
  conditionOf,
  type Draft,
  FREEZE_AT_ONCE_ANNOTATION,
  NODES,
  OPPORTUNISTIC_ANNOTATION,
  POD_CHECKPOINTS,
  POD_GROUP_LABEL,
  POD_GROUPS,
  PODS,
  type Pod,
  PRIORITY_CLASSES,
  SILENT_LOG,
  withCondition,
} from '../../model/index.ts';
import { DEFAULT_PROFILE, Engine } from '../../scheduling/index.ts';
import { Scheduler } from './scheduler.ts';

let clock: VirtualClock;
let registry: Registry;
let stop: () => Promise<void>;

beforeEach(async () => {
  clock = new VirtualClock();
  registry = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  stop = async () => undefined;
  await addNode('node-1', '1');
});

afterEach(() => stop());

/** @param store what the scheduler sees of the registry */
async function startScheduler(store: ObjectStore = registry, engine = new Engine()): Promise<void> {
  const dependencies = { store, clock, random: seededRandom(2), log: SILENT_LOG };
  const events = new EventRecorder({ ...dependencies, store: registry }, { component: 'test' });
  const scheduler = new Scheduler({ ...dependencies, events, engine });
  scheduler.start();
  stop = () => scheduler.stop();
  await clock.advance(1_000);
}

async function addNode(name: string, cpu: string): Promise<void> {
  const room = { cpu, memory: '4Gi', pods: '10' };
  await registry.create(NODES, { metadata: { name } });
  await registry.patch(
    NODES,
    { name },
    { status: { capacity: room, allocatable: room, conditions: [{ type: 'Ready', status: 'True' }] } },
    { subresource: 'status' },
  );
}

function draft(name: string, options: { priorityClassName?: string; schedulerName?: string } = {}): Draft<Pod> {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      schedulerName: options.schedulerName ?? 'fermata',
      ...(options.priorityClassName === undefined ? {} : { priorityClassName: options.priorityClassName }),
      containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1', memory: '1Gi' } } }],
    },
  };
}

async function runningPod(name: string): Promise<Pod> {
  const pod = await registry.create(PODS, draft(name));
  await clock.advance(1_000);
  const status = { phase: 'Running', startTime: rfc3339(clock.now()) };
  return registry.patch(
    PODS,
    { namespace: 'default', name },
    { metadata: { uid: pod.metadata.uid }, status },
    { subresource: 'status' },
  );
}

const read = (name: string): Promise<Pod> => registry.get(PODS, { namespace: 'default', name });

async function urgentClass(): Promise<void> {
  await registry.create(PRIORITY_CLASSES, {
    metadata: { name: 'urgent', annotations: { 'fermata.dev/preemption-policy': 'CheckpointLowerPriority' } },
    value: 1_000,
  });
}

test('a pod that fits is bound, one of another scheduler is not', async () => {
  await startScheduler();
  await registry.create(PODS, draft('theirs', { schedulerName: 'other' }));
  await registry.create(PODS, draft('ours'));
  await clock.advance(1_000);
  assert.equal((await read('ours')).spec.nodeName, 'node-1');
  assert.equal((await read('theirs')).spec.nodeName, undefined);
});

test('a pod that does not fit is told why, once', async () => {
  await startScheduler();
  await runningPod('first');
  await registry.create(PODS, draft('second'));
  await clock.advance(1_000);
  const told = conditionOf((await read('second')).status?.conditions, 'PodScheduled');
  assert.match(told?.message ?? '', /^0\/1 nodes are available: 1 Insufficient cpu/);
  const { resourceVersion } = (await read('second')).metadata;
  await clock.advance(60_000);
  assert.equal((await read('second')).metadata.resourceVersion, resourceVersion);
});

test('a preemptor is nominated, its victim is to be checkpointed, and it is bound only after the release', async () => {
  await startScheduler();
  const victim = await runningPod('thesis');
  await urgentClass();
  const urgent = await registry.create(PODS, draft('urgent', { priorityClassName: 'urgent' }));
  await clock.advance(1_000);
  const { items } = await registry.list(POD_CHECKPOINTS);
  assert.equal(items.length, 1);
  const [checkpoint] = items;
  assert.deepEqual(checkpoint?.spec.sourcePod, { name: 'thesis', uid: victim.metadata.uid });
  assert.equal(checkpoint?.spec.postCheckpointState, 'Stopped');
  assert.equal(checkpoint?.spec.preemptor?.uid, urgent.metadata.uid);
  assert.equal((await read('urgent')).status?.nominatedNodeName, 'node-1');
  assert.equal((await read('thesis')).metadata.deletionTimestamp, undefined, 'nobody is deleted before the dump');

  const key = { namespace: 'default', name: checkpoint?.metadata.name ?? '' };
  const setCondition = async (type: string): Promise<void> => {
    const { status } = await registry.get(POD_CHECKPOINTS, key);
    const conditions = withCondition(status?.conditions, { type, status: 'True', reason: type }, rfc3339(clock.now()));
    await registry.patch(
      POD_CHECKPOINTS,
      key,
      { status: { conditions, nodeName: 'node-1' } },
      { subresource: 'status' },
    );
  };
  await setCondition('Ready');
  await registry.delete(PODS, { namespace: 'default', name: 'thesis' }, { gracePeriodSeconds: 0 });
  await clock.advance(60_000);
  assert.equal((await read('urgent')).spec.nodeName, undefined, 'gone from the API is not released');
  await setCondition('Released');
  await clock.advance(1_000);
  assert.equal((await read('urgent')).spec.nodeName, 'node-1');
});

test('a scheduler that is replaced in the middle of an interruption orders no second one', async () => {
  await startScheduler();
  await runningPod('thesis');
  await urgentClass();
  await registry.create(PODS, draft('urgent', { priorityClassName: 'urgent' }));
  await clock.advance(1_000);
  await stop();
  await startScheduler();
  await clock.advance(60_000);
  assert.equal((await registry.list(POD_CHECKPOINTS)).items.length, 1);
});

test('a class without the annotation kills its victim, as Kubernetes does', async () => {
  await startScheduler();
  await runningPod('thesis');
  await registry.create(PRIORITY_CLASSES, { metadata: { name: 'urgent' }, value: 1_000 });
  await registry.create(PODS, draft('urgent', { priorityClassName: 'urgent' }));
  await clock.advance(1_000);
  const victim = await read('thesis');
  assert.notEqual(victim.metadata.deletionTimestamp, undefined);
  assert.equal(conditionOf(victim.status?.conditions, 'DisruptionTarget')?.reason, 'PreemptionByScheduler');
  assert.equal((await registry.list(POD_CHECKPOINTS)).items.length, 0);
});

/** The registry with other calls in place of some. */
function withCalls(calls: Partial<ObjectStore>): ObjectStore {
  return new Proxy(registry, {
    get: (target, name) => {
      const other: unknown = Reflect.get(calls, name);
      if (other !== undefined) return other;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('a bind whose answer was lost is found out, not undone', async () => {
  let calls = 0;
  const store = withCalls({
    bind: async (pod, nodeName) => {
      calls++;
      await registry.bind(pod, nodeName);
      if (calls === 1) throw new ApiError('ServiceUnavailable', 'connection reset', { status: 0 });
    },
  });
  await startScheduler(store);
  await registry.create(PODS, draft('first'));
  await registry.create(PODS, draft('second'));
  await clock.advance(5_000);
  assert.equal((await read('first')).spec.nodeName, 'node-1');
  assert.equal(
    (await read('second')).spec.nodeName,
    undefined,
    'the room of a bind that may have happened is not given away',
  );
  assert.equal(calls, 2);
});

test('a bind on its way into room that looked free is refused when the watch tells of the order to free it', async () => {
  const stalled = Promise.withResolvers<void>();
  let busy = false;
  const store = withCalls({
    get: async (type, key, options) => {
      if (busy && type.plural === POD_CHECKPOINTS.plural) throw new ApiError('TooManyRequests', 'the server is busy');
      return registry.get(type, key, options);
    },
    watch: async function* (type, options) {
      if (type.plural === POD_CHECKPOINTS.plural) await stalled.promise;
      yield* registry.watch(type, options);
    },
  });
  await startScheduler(store);
  await runningPod('thesis');
  await urgentClass();
  await registry.create(PODS, draft('urgent', { priorityClassName: 'urgent' }));
  await clock.advance(50_000);
  const [checkpoint] = (await registry.list(POD_CHECKPOINTS)).items;
  assert.ok(checkpoint !== undefined);
  await registry.delete(PODS, { namespace: 'default', name: 'thesis' }, { gracePeriodSeconds: 30 });
  await clock.advance(20_000);
  busy = true;
  await registry.delete(PODS, { namespace: 'default', name: 'thesis' }, { gracePeriodSeconds: 0 });
  await clock.advance(500);
  stalled.resolve();
  busy = false;
  await clock.advance(60_000);
  assert.equal((await read('urgent')).spec.nodeName, undefined, 'nobody has confirmed that the room is free');
  const conditions = [{ type: 'Released', status: 'True' as const, reason: 'PodGone' }];
  await registry.patch(POD_CHECKPOINTS, checkpoint.metadata, { status: { conditions } }, { subresource: 'status' });
  await clock.advance(20_000);
  assert.equal((await read('urgent')).spec.nodeName, 'node-1');
});

test('a bind that is refused is undone, and the room goes to whom it fits', async () => {
  let refuse = true;
  const store = withCalls({
    bind: async (pod, nodeName) => {
      if (refuse && pod.name === 'first') throw new ApiError('Forbidden', 'not this one');
      await registry.bind(pod, nodeName);
    },
  });
  await startScheduler(store);
  await registry.create(PODS, draft('first'));
  await clock.advance(100);
  await registry.create(PODS, draft('second'));
  await clock.advance(5_000);
  assert.equal((await read('second')).spec.nodeName, 'node-1');
  refuse = false;
  await registry.delete(PODS, { namespace: 'default', name: 'second' }, { gracePeriodSeconds: 0 });
  await clock.advance(30_000);
  assert.equal((await read('first')).spec.nodeName, 'node-1');
});

test('a gang is bound when the last of its pods is there, not before', async () => {
  await addNode('node-2', '1');
  await startScheduler();
  await registry.create(POD_GROUPS, { metadata: { name: 'ranks', namespace: 'default' }, spec: { minMember: 2 } });
  const rank = (name: string): Draft<Pod> => {
    const made = draft(name);
    return { ...made, metadata: { ...made.metadata, labels: { [POD_GROUP_LABEL]: 'ranks' } } };
  };
  await registry.create(PODS, rank('rank-0'));
  await clock.advance(5_000);
  const waiting = await read('rank-0');
  assert.equal(waiting.spec.nodeName, undefined);
  assert.equal(
    conditionOf(waiting.status?.conditions, 'PodScheduled')?.message,
    'pod group default/ranks has 1 of the 2 pods that must run at once.',
  );
  await registry.create(PODS, rank('rank-1'));
  await clock.advance(20_000);
  const nodes = [(await read('rank-0')).spec.nodeName, (await read('rank-1')).spec.nodeName];
  assert.deepEqual(nodes.sort(), ['node-1', 'node-2']);
});

test('an opportunistic pod is checkpointed when an ordinary one needs the room, for nobody in particular', async () => {
  await startScheduler();
  const made = draft('batch');
  await registry.create(PODS, {
    ...made,
    metadata: { ...made.metadata, annotations: { [OPPORTUNISTIC_ANNOTATION]: 'cpu=1' } },
    spec: { ...made.spec, containers: [{ name: 'c', image: 'i' }] },
  });
  await clock.advance(1_000);
  assert.equal((await read('batch')).spec.nodeName, 'node-1', 'nothing is requested there');
  const status = { phase: 'Running', startTime: rfc3339(clock.now()) };
  await registry.patch(PODS, { namespace: 'default', name: 'batch' }, { status }, { subresource: 'status' });
  await registry.create(PODS, draft('ordinary'));
  await clock.advance(1_000);
  assert.equal((await read('ordinary')).spec.nodeName, 'node-1', 'it does not wait for anybody');
  const { items } = await registry.list(POD_CHECKPOINTS);
  assert.deepEqual(
    items.map(({ spec }) => [spec.sourcePod.name, spec.postCheckpointState, spec.reason, spec.preemptor]),
    [['batch', 'Stopped', 'Preemption', undefined]],
  );
  assert.equal(items[0]?.metadata.annotations?.[FREEZE_AT_ONCE_ANNOTATION], 'true');
  await clock.advance(120_000);
  assert.equal((await registry.list(POD_CHECKPOINTS)).items.length, 1, 'once');
});

test('a node is emptied for its own sake by a migration that names nobody', async () => {
  const plugins = [...DEFAULT_PROFILE.plugins, { name: 'Consolidation' }];
  const args = { Consolidation: { emptyNodeSeconds: 600 } };
  await startScheduler(registry, new Engine({ profile: { ...DEFAULT_PROFILE, plugins, args } }));
  await runningPod('first');
  await addNode('node-2', '4');
  await runningPod('second');
  assert.deepEqual([(await read('first')).spec.nodeName, (await read('second')).spec.nodeName], ['node-1', 'node-2']);
  await clock.advance(600_000);
  const { items } = await registry.list(POD_CHECKPOINTS);
  assert.deepEqual(
    items.map(({ spec }) => [spec.sourcePod.name, spec.postCheckpointState, spec.reason, spec.preemptor]),
    [['first', 'Stopped', 'Migration', undefined]],
  );
  await clock.advance(120_000);
  assert.equal((await registry.list(POD_CHECKPOINTS)).items.length, 1, 'once');
});
