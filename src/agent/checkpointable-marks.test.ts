import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { seededRandom, VirtualClock } from '../clock/index.ts';
import { MemoryBacking, Registry } from '../kubernetes/index.ts';
import {
  CHECKPOINTABLE_CONDITION,
  conditionOf,
  type KubeObject,
  NAMESPACES,
  PODS,
  type Pod,
  type PodPhase,
  SILENT_LOG,
} from '../model/index.ts';
import type { DumpHindrance } from '../runtime/index.ts';
import { CheckpointableMarks } from './checkpointable-marks.ts';

const signal = new AbortController().signal;
const RING: DumpHindrance = { reason: 'IoUring', message: 'process app of container main has an io_uring open' };

let registry: Registry;
let clock: VirtualClock;
let hindrances: Map<string, DumpHindrance>;
let looks: string[][];
let events: string[];
let marks: CheckpointableMarks;
/** As the agent's watch has it. */
let seen: Pod[];
let dumping: boolean;

beforeEach(async () => {
  clock = new VirtualClock();
  registry = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  await registry.create(NAMESPACES, { metadata: { name: 'lab' } });
  [hindrances, looks, events, seen, dumping] = [new Map(), [], [], [], false];
  const record = (object: KubeObject, type: string, reason: string, message: string): void => {
    events.push(`${type} ${reason} ${object.metadata.name}: ${message}`);
  };
  const runtime = {
    hindrances: async (pods: readonly Pod[]) => {
      looks.push(pods.map(({ metadata }) => metadata.name));
      return hindrances;
    },
  };
  marks = new CheckpointableMarks({
    store: registry,
    clock,
    log: SILENT_LOG,
    runtime,
    events: { record },
    pods: () => seen,
    isDumping: () => dumping,
  });
});

async function running(name: string, phase: PodPhase = 'Running'): Promise<Pod> {
  const spec = { containers: [{ name: 'main', image: 'i' }] };
  await registry.create(PODS, { metadata: { namespace: 'lab', name }, spec });
  const status = { phase, conditions: [{ type: 'Ready', status: 'True' as const }] };
  return registry.patch(PODS, { namespace: 'lab', name }, { status }, { subresource: 'status' });
}

const now = (name: string): Promise<Pod> => registry.get(PODS, { namespace: 'lab', name });

/** The agent's watch catches up, and it looks. */
async function look(): Promise<void> {
  seen = (await registry.list(PODS, {})).items;
  await marks.look(signal);
}

test('what was found is said on the pod, with an event, and once', async () => {
  const pod = await running('a');
  hindrances.set(pod.metadata.uid, RING);
  await look();
  const { status, reason, message } = conditionOf((await now('a')).status?.conditions, CHECKPOINTABLE_CONDITION) ?? {};
  assert.deepEqual({ status, reason, message }, { status: 'False', ...RING });
  assert.ok(conditionOf((await now('a')).status?.conditions, 'Ready'), 'the others stay');
  const { resourceVersion } = (await now('a')).metadata;
  await look();
  assert.equal((await now('a')).metadata.resourceVersion, resourceVersion, 'nothing new costs no write');
  assert.deepEqual(events, [`Warning NotCheckpointable a: ${RING.message}`]);
});

test('a pod of which nothing was ever found is not written to', async () => {
  const { metadata } = await running('a');
  await look();
  assert.equal((await now('a')).metadata.resourceVersion, metadata.resourceVersion);
});

test('once it is gone the pod says so', async () => {
  const pod = await running('a');
  hindrances.set(pod.metadata.uid, RING);
  await look();
  hindrances.clear();
  await look();
  assert.equal(conditionOf((await now('a')).status?.conditions, CHECKPOINTABLE_CONDITION)?.status, 'True');
});

test('a pod that changed since the watch last told of it keeps what it said', async () => {
  const pod = await running('a');
  hindrances.set(pod.metadata.uid, RING);
  seen = (await registry.list(PODS, {})).items;
  const conditions = [{ type: 'Ready', status: 'False' as const }];
  await registry.patch(PODS, { namespace: 'lab', name: 'a' }, { status: { conditions } }, { subresource: 'status' });
  await marks.look(signal);
  const after = (await now('a')).status?.conditions;
  assert.equal(conditionOf(after, 'Ready')?.status, 'False');
  assert.equal(conditionOf(after, CHECKPOINTABLE_CONDITION)?.status, 'False');
});

test('only pods that run are looked at, and one that is gone meanwhile is no failure', async () => {
  const pod = await running('a');
  await running('b', 'Pending');
  await running('c', 'Succeeded');
  hindrances.set(pod.metadata.uid, RING);
  seen = (await registry.list(PODS, {})).items;
  await registry.delete(PODS, { namespace: 'lab', name: 'a' }, { gracePeriodSeconds: 0 });
  await marks.look(signal);
  assert.deepEqual(looks, [['a']]);
});

test('while a dump is under way nothing is looked at', async () => {
  await running('a');
  dumping = true;
  await look();
  dumping = false;
  assert.deepEqual(looks, []);
  await look();
  assert.deepEqual(looks, [['a']]);
});
