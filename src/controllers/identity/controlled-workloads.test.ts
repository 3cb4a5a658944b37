import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { rfc3339, seededRandom, VirtualClock } from '../../clock/index.ts';
import { EventRecorder, isApiError, MemoryBacking, modelKinds, Registry } from '../../kubernetes/index.ts';
import { uncheckedKind } from '../../kubernetes/testing.ts';
import {
  type Condition,
  conditionOf,
  JOBS,
  type KubeObject,
  NAMESPACES,
  type OwnerReference,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  REPLICA_SETS,
  type ResourceType,
  SILENT_LOG,
  STATEFUL_SETS,
  withCondition,
} from '../../model/index.ts';
import { InterruptionController } from '../interruption/interruption-controller.ts';
import { PodIdentity, type PodVerdict } from './pod-identity.ts';
import type { PatchStep } from './pod-patch.ts';

/** Like the controllers of a real cluster, these tests make the pods of Jobs and sets; each pod passes the webhook's decision. */
const NAMESPACE = 'default';

let clock: VirtualClock;
let registry: Registry;
let identity: PodIdentity;
let stop: () => Promise<void>;
let requests = 0;

beforeEach(() => {
  clock = new VirtualClock();
  registry = registryOf([JOBS, STATEFUL_SETS, REPLICA_SETS]);
  const parts = { store: registry, clock, random: seededRandom(2), log: SILENT_LOG };
  identity = new PodIdentity(parts, () => ({ knowsGates: true, schedulerNames: ['fermata'] }));
  const controller = new InterruptionController({ ...parts, events: new EventRecorder(parts, { component: 'test' }) });
  controller.start();
  stop = () => controller.stop();
});

afterEach(() => stop());

function registryOf(types: readonly ResourceType[]): Registry {
  const kinds = [...modelKinds().list(), ...types.map(uncheckedKind)];
  return new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1), kinds: { list: () => kinds } });
}

async function owner(type: ResourceType, spec: object = {}): Promise<OwnerReference> {
  const draft = { metadata: { name: 'owner', namespace: NAMESPACE }, spec };
  const { apiVersion, kind, metadata } = await registry.create(type as ResourceType<KubeObject>, draft);
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true };
}

async function admitted(reference: OwnerReference, name: string, extra: object = {}): Promise<PodVerdict> {
  const pod = {
    metadata: { name, ownerReferences: [reference], ...extra },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  };
  return identity.review({ uid: `request-${++requests}`, namespace: NAMESPACE, pod, dryRun: false });
}

/** As the API server does it: asks, patches, stores. Undefined: refused. */
async function make(reference: OwnerReference, name: string, extra: object = {}): Promise<Pod | undefined> {
  const verdict = await admitted(reference, name, extra);
  if (verdict.type === 'Refused') return undefined;
  const draft: Pick<Pod, 'spec'> & { metadata: Partial<Pod['metadata']> } = {
    metadata: { name, namespace: NAMESPACE, ownerReferences: [reference], ...extra },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  };
  const patched = verdict.type === 'Patched' ? applied(draft, verdict.patch) : draft;
  return registry.create(PODS, patched);
}

function applied<T extends object>(draft: T, patch: readonly PatchStep[]): T {
  const result = structuredClone(draft);
  for (const { path, value } of patch) {
    const steps = path.split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = steps.pop() ?? '';
    let place = result as Record<string, unknown>;
    for (const step of steps.slice(1)) place = place[step] as Record<string, unknown>;
    place[last] = value;
  }
  return result;
}

async function running(reference: OwnerReference, name: string, extra: object = {}): Promise<Pod> {
  const pod = await make(reference, name, extra);
  assert.ok(pod);
  await registry.bind({ namespace: NAMESPACE, name, uid: pod.metadata.uid }, 'node-1');
  return registry.patch(
    PODS,
    { namespace: NAMESPACE, name },
    { status: { phase: 'Running' } },
    { subresource: 'status' },
  );
}

/** What the agent does up to `Ready`. */
async function dumped({ metadata, spec }: Pod, name: string): Promise<void> {
  await registry.create(POD_CHECKPOINTS, {
    metadata: { name, namespace: NAMESPACE, labels: { 'fermata.dev/workload': metadata.name } },
    spec: {
      sourcePod: { name: metadata.name, uid: metadata.uid },
      postCheckpointState: 'Stopped',
      restore: 'Automatic',
    },
  });
  await clock.advance(100);
  const { labels, annotations = {}, ownerReferences } = metadata;
  const { nodeName: _, priority: _priority, preemptionPolicy: _policy, ...template } = spec;
  await status(
    name,
    { type: 'Ready', status: 'True', reason: 'CheckpointCompleted' },
    {
      sourcePodUID: metadata.uid,
      checkpointedPodTemplate: {
        metadata: { ...(labels && { labels }), annotations, ownerReferences },
        spec: template,
      },
    },
  );
  await clock.advance(100);
}

async function status(name: string, condition: Condition, rest: object = {}): Promise<void> {
  const conditions = withCondition((await checkpoint(name)).status?.conditions, condition, rfc3339(clock.now()));
  const key = { namespace: NAMESPACE, name };
  await registry.patch(POD_CHECKPOINTS, key, { status: { ...rest, conditions } }, { subresource: 'status' });
}

const checkpoint = (name: string): Promise<PodCheckpoint> =>
  registry.get(POD_CHECKPOINTS, { namespace: NAMESPACE, name });
const restored = async (name: string): Promise<string | undefined> =>
  conditionOf((await checkpoint(name)).status?.conditions, 'Restored')?.reason;

async function pod(name: string): Promise<Pod | undefined> {
  try {
    return await registry.get(PODS, { namespace: NAMESPACE, name });
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** What node and agent do when the victim is to go. */
async function released(name: string, victim: string): Promise<void> {
  await registry.delete(PODS, { namespace: NAMESPACE, name: victim }, { gracePeriodSeconds: 0 });
  await status(name, { type: 'Released', status: 'True', reason: 'Released' });
  await clock.advance(6_000);
}

const isMarked = async (): Promise<boolean> =>
  'fermata.dev/awaits-replacement' in ((await registry.get(NAMESPACES, { name: NAMESPACE })).metadata.labels ?? {});

test('the victim of a Job is none of its pods any more when it is deleted, so that it counts as no failure', async () => {
  const job = await owner(JOBS);
  const labels = { 'controller-uid': job.uid, 'batch.kubernetes.io/controller-uid': job.uid, app: 'x' };
  const victim = await running(job, 'owner-a', { labels, finalizers: ['batch.kubernetes.io/job-tracking', 'mine/f'] });
  await dumped(victim, 'cp');
  const left = await pod('owner-a');
  assert.notEqual(left?.metadata.deletionTimestamp, undefined);
  assert.deepEqual(left?.metadata.ownerReferences ?? [], []);
  assert.deepEqual(left?.metadata.labels, { app: 'x' });
  assert.deepEqual(left?.metadata.finalizers, ['mine/f']);
});

test("the pod that the Job makes instead goes on from the checkpoint, held until the victim's room is free", async () => {
  const job = await owner(JOBS);
  await dumped(await running(job, 'owner-a'), 'cp');
  assert.ok(await isMarked());
  const next = await make(job, 'owner-b');
  assert.equal(next?.metadata.annotations?.['fermata.dev/restore-from'], 'cp');
  assert.equal(next?.metadata.annotations?.['fermata.dev/incarnation'], '2');
  assert.deepEqual(next?.spec.schedulingGates, [{ name: 'fermata.dev/suspended' }]);
  await clock.advance(60_000);
  assert.equal((await pod('owner-b'))?.spec.schedulingGates?.length, 1);
  await released('cp', 'owner-a');
  assert.equal((await pod('owner-b'))?.spec.schedulingGates, undefined);
  assert.equal((await checkpoint('cp')).status?.restoration?.podName, 'owner-b');
  assert.equal(await restored('cp'), 'Suspended');
  assert.equal(await pod('owner-a'), undefined);
});

test('nothing in the namespace waits any more once the replacement runs', async () => {
  const job = await owner(JOBS);
  await dumped(await running(job, 'owner-a'), 'cp');
  await make(job, 'owner-b');
  await released('cp', 'owner-a');
  assert.ok(await isMarked());
  await status('cp', { type: 'Restored', status: 'True', reason: 'Restored' });
  await clock.advance(1_000);
  assert.equal(await isMarked(), false);
});

test('a StatefulSet gets its ordinal back from the checkpoint, and nobody else makes that pod', async () => {
  const set = await owner(STATEFUL_SETS, { replicas: 1 });
  await dumped(await running(set, 'owner-0'), 'cp');
  await released('cp', 'owner-0');
  assert.equal(await pod('owner-0'), undefined);
  assert.equal(await restored('cp'), undefined);
  const next = await make(set, 'owner-0');
  assert.equal(next?.metadata.annotations?.['fermata.dev/restore-from'], 'cp');
  await clock.advance(1_000);
  assert.equal(await restored('cp'), 'Suspended');
});

test('of two replacements for one slot one goes on, and the other is told to come again', async () => {
  const set = await owner(REPLICA_SETS, { replicas: 2 });
  await dumped(await running(set, 'owner-a'), 'cp');
  const verdicts = await Promise.all([admitted(set, 'owner-b'), admitted(set, 'owner-c')]);
  assert.deepEqual(verdicts.map(({ type }) => type).sort(), ['Patched', 'Refused']);
  await clock.advance(31_000);
  // Neither became a pod: the slot is open again.
  const pods = [await make(set, 'owner-d'), await make(set, 'owner-e')];
  const from = pods.map((each) => each?.metadata.annotations?.['fermata.dev/restore-from']);
  assert.deepEqual(from, ['cp', undefined]);
});

test('a pod deleted while it is suspended is followed by another that goes on, for its owner still wants it', async () => {
  const set = await owner(REPLICA_SETS, { replicas: 1 });
  await dumped(await running(set, 'owner-a'), 'cp');
  await make(set, 'owner-b');
  await released('cp', 'owner-a');
  await registry.delete(PODS, { namespace: NAMESPACE, name: 'owner-b' }, { gracePeriodSeconds: 0 });
  await clock.advance(1_000);
  const next = await make(set, 'owner-c');
  assert.equal(next?.metadata.annotations?.['fermata.dev/restore-from'], 'cp');
  await clock.advance(6_000);
  assert.equal((await checkpoint('cp')).status?.restoration?.podName, 'owner-c');
});

for (const [what, change] of Object.entries({
  'scaled down': () => registry.patch(REPLICA_SETS, { namespace: NAMESPACE, name: 'owner' }, { spec: { replicas: 0 } }),
  deleted: () => registry.delete(REPLICA_SETS, { namespace: NAMESPACE, name: 'owner' }),
})) {
  test(`the state of a pod whose owner was ${what} is given up`, async () => {
    const set = await owner(REPLICA_SETS, { replicas: 1 });
    await dumped(await running(set, 'owner-a'), 'cp');
    await change();
    await released('cp', 'owner-a');
    assert.equal(await restored('cp'), 'Abandoned');
    assert.equal(await isMarked(), false);
  });
}

test('a Job that waits to be resumed keeps the state of its pods', async () => {
  const job = await owner(JOBS, { suspend: true });
  await dumped(await running(job, 'owner-a'), 'cp');
  await released('cp', 'owner-a');
  await clock.advance(3_600_000);
  assert.equal(await restored('cp'), undefined);
  assert.ok(await make(job, 'owner-b'));
  await clock.advance(6_000);
  assert.equal(await restored('cp'), 'Suspended');
});

test('of an Indexed Job each index goes on from its own memory, in whatever order its pods are made again', async () => {
  const job = await owner(JOBS, { completionMode: 'Indexed', completions: 3 });
  const at = (index: number): object => ({ annotations: { 'batch.kubernetes.io/job-completion-index': `${index}` } });
  for (const index of [0, 1]) {
    await dumped(await running(job, `owner-${index}-a`, at(index)), `cp-${index}`);
    await released(`cp-${index}`, `owner-${index}-a`);
  }
  const from = async (index: number, name: string): Promise<string | undefined> =>
    (await make(job, name, at(index)))?.metadata.annotations?.['fermata.dev/restore-from'];
  assert.equal(await from(2, 'owner-2-a'), undefined, 'an index that was never interrupted begins');
  assert.equal(await from(1, 'owner-1-b'), 'cp-1');
  assert.equal(await from(1, 'owner-1-c'), undefined, 'one more of an index that goes on already');
  assert.equal(await from(0, 'owner-0-b'), 'cp-0');
});

test('a Deployment that rolls out gives up the state of the ReplicaSet it scales to nothing', async () => {
  const before = await owner(REPLICA_SETS, { replicas: 1 });
  await dumped(await running(before, 'owner-a'), 'cp');
  await released('cp', 'owner-a');
  const after = { ...before, name: 'owner-next', uid: 'uid-of-the-next' };
  const next = await make(after, 'owner-next-a');
  assert.equal(next?.metadata.annotations?.['fermata.dev/restore-from'], undefined, 'another program');
  await registry.patch(REPLICA_SETS, { namespace: NAMESPACE, name: 'owner' }, { spec: { replicas: 0 } });
  await clock.advance(60_000);
  assert.equal(await restored('cp'), 'Abandoned');
});

test('a rollout starts the ordinal from its image, says so, and gives the old state up', async () => {
  const set = await owner(STATEFUL_SETS, { replicas: 1 });
  const hash = (value: string): object => ({ labels: { 'controller-revision-hash': value } });
  await dumped(await running(set, 'owner-0', hash('v1')), 'cp');
  await released('cp', 'owner-0');
  const next = await make(set, 'owner-0', hash('v2'));
  assert.equal(next?.metadata.annotations?.['fermata.dev/restore-from'], undefined);
  assert.match(next?.metadata.annotations?.['fermata.dev/not-restored'] ?? '', /was v1 and is v2/);
  await clock.advance(6_000);
  assert.equal(await restored('cp'), 'Abandoned');
});
