import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { rfc3339, seededRandom, VirtualClock } from '../../clock/index.ts';
import { EventRecorder, isApiError, MemoryBacking, Registry } from '../../kubernetes/index.ts';
import {
  type Condition,
  conditionOf,
  EVENTS,
  isConditionTrue,
  NODES,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  SILENT_LOG,
  withCondition,
} from '../../model/index.ts';
import { InterruptionController } from './interruption-controller.ts';

const NAMESPACE = 'default';
const VICTIM = { namespace: NAMESPACE, name: 'thesis' };

let clock: VirtualClock;
let registry: Registry;
let controller: InterruptionController;
let stops: (() => Promise<void>)[];

beforeEach(() => {
  clock = new VirtualClock();
  registry = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  stops = [];
  controller = startController();
});

afterEach(async () => {
  await Promise.all(stops.map((stop) => stop()));
});

function startController(): InterruptionController {
  const dependencies = { store: registry, clock, random: seededRandom(2), log: SILENT_LOG };
  const events = new EventRecorder(dependencies, { component: 'test' });
  const started = new InterruptionController({ ...dependencies, events });
  started.start();
  stops.push(() => started.stop());
  return started;
}

async function runningVictim(): Promise<Pod> {
  const pod = await registry.create(PODS, {
    metadata: { ...VICTIM },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
  await registry.bind({ ...VICTIM, uid: pod.metadata.uid }, 'node-1');
  return registry.patch(PODS, VICTIM, { status: { phase: 'Running' } }, { subresource: 'status' });
}

/** What the agent does up to `Ready`. */
async function dumped(pod: Pod, spec: Partial<PodCheckpoint['spec']> = {}): Promise<PodCheckpoint> {
  const checkpoint = await registry.create(POD_CHECKPOINTS, {
    metadata: { name: 'thesis-1', namespace: NAMESPACE },
    spec: {
      sourcePod: { name: 'thesis', uid: pod.metadata.uid },
      postCheckpointState: 'Stopped',
      restore: 'Automatic',
      ...spec,
    },
  });
  const { nodeName: _, priority: _priority, preemptionPolicy: _policy, ...podSpec } = pod.spec;
  await registry.patch(
    POD_CHECKPOINTS,
    { namespace: NAMESPACE, name: 'thesis-1' },
    {
      status: {
        nodeName: 'node-1',
        sourcePodUID: pod.metadata.uid,
        checkpointedPodTemplate: { metadata: {}, spec: podSpec },
      },
    },
    { subresource: 'status' },
  );
  await setCondition({ type: 'Ready', status: 'True', reason: 'CheckpointCompleted' });
  return checkpoint;
}

async function setCondition(condition: Condition): Promise<void> {
  const checkpoint = await readCheckpoint();
  const conditions = withCondition(checkpoint.status?.conditions, condition, rfc3339(clock.now()));
  await registry.patch(
    POD_CHECKPOINTS,
    { namespace: NAMESPACE, name: 'thesis-1' },
    { status: { conditions } },
    { subresource: 'status' },
  );
}

/** What the node and the agent do once the pod is to be deleted. */
async function released(): Promise<void> {
  const pod = await registry.get(PODS, VICTIM);
  await registry.delete(PODS, VICTIM, { uid: pod.metadata.uid, gracePeriodSeconds: 0 });
  await setCondition({ type: 'Released', status: 'True', reason: 'Released' });
}

const readCheckpoint = (): Promise<PodCheckpoint> =>
  registry.get(POD_CHECKPOINTS, { namespace: NAMESPACE, name: 'thesis-1' });

async function victimNow(): Promise<Pod | undefined> {
  try {
    return await registry.get(PODS, VICTIM);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

const restoredReason = async (): Promise<string | undefined> =>
  conditionOf((await readCheckpoint()).status?.conditions, 'Restored')?.reason;

test('the source pod is deleted once the dump is verified, with a grace that makes the node confirm', async () => {
  const pod = await runningVictim();
  await clock.advance(1_000);
  assert.equal((await victimNow())?.metadata.deletionTimestamp, undefined);
  await dumped(pod);
  await clock.advance(1_000);
  const now = await victimNow();
  assert.notEqual(now?.metadata.deletionTimestamp, undefined);
  assert.equal(now?.metadata.deletionGracePeriodSeconds, 1);
});

test('the object of the source pod goes at once when nothing of it runs on its node any more', async () => {
  await dumped(await runningVictim());
  await clock.advance(60_000);
  assert.notEqual(await victimNow(), undefined, 'its node has not confirmed');
  await setCondition({ type: 'Released', status: 'False', reason: 'NothingRuns' });
  await clock.advance(1_000);
  assert.equal(await victimNow(), undefined);
});

test('a pod that is not leaving is not taken for gone', async () => {
  const pod = await runningVictim();
  await dumped(pod);
  await clock.advance(1_000);
  await registry.delete(PODS, VICTIM, { gracePeriodSeconds: 0 });
  const other = await runningVictim();
  await setCondition({ type: 'Released', status: 'False', reason: 'NothingRuns' });
  await clock.advance(5_000);
  assert.equal((await victimNow())?.metadata.uid, other.metadata.uid);
});

test('a pod of the same name that is not the source is left alone', async () => {
  const pod = await runningVictim();
  await registry.delete(PODS, VICTIM, { gracePeriodSeconds: 0 });
  const other = await runningVictim();
  await dumped(pod);
  await clock.advance(5_000);
  const now = await victimNow();
  assert.equal(now?.metadata.uid, other.metadata.uid);
  assert.equal(now?.metadata.deletionTimestamp, undefined);
});

test('the next incarnation is created only when the release is confirmed', async () => {
  await dumped(await runningVictim());
  await clock.advance(1_000);
  const pod = await registry.get(PODS, VICTIM);
  await registry.delete(PODS, VICTIM, { uid: pod.metadata.uid, gracePeriodSeconds: 0 });
  await clock.advance(60_000);
  assert.equal(await victimNow(), undefined);
  await setCondition({ type: 'Released', status: 'True', reason: 'Released' });
  await clock.advance(1_000);
  const next = await victimNow();
  assert.equal(next?.metadata.annotations?.['fermata.dev/restore-from'], 'thesis-1');
  assert.equal(next?.status?.reason, 'Suspended');
  assert.equal(await restoredReason(), 'Suspended');
});

test('restore: Never creates nothing', async () => {
  await dumped(await runningVictim(), { restore: 'Never' });
  await clock.advance(1_000);
  await released();
  await clock.advance(60_000);
  assert.equal(await victimNow(), undefined);
});

test('a failed restore is tried again later and elsewhere, and the checkpoint stays', async () => {
  await dumped(await runningVictim());
  await clock.advance(1_000);
  await released();
  await clock.advance(1_000);
  const first = await registry.get(PODS, VICTIM);
  await registry.bind({ ...VICTIM, uid: first.metadata.uid }, 'node-1');
  const failed = withCondition(
    [],
    { type: 'fermata.dev/Restored', status: 'False', reason: 'RestoreFailed', message: 'pages-1.img is cut' },
    rfc3339(clock.now()),
  );
  await registry.patch(PODS, VICTIM, { status: { conditions: failed } }, { subresource: 'status' });
  await clock.advance(1_000);
  assert.notEqual((await victimNow())?.metadata.deletionTimestamp, undefined);
  await registry.delete(PODS, VICTIM, { uid: first.metadata.uid, gracePeriodSeconds: 0 });
  await clock.advance(1_000);
  const second = await registry.get(PODS, VICTIM);
  assert.notEqual(second.metadata.uid, first.metadata.uid);
  assert.equal(second.metadata.annotations?.['fermata.dev/restore-failures'], '1');
  assert.equal(second.metadata.annotations?.['fermata.dev/avoid-nodes'], 'node-1');
  assert.equal((await readCheckpoint()).status?.restoration?.lastFailure, 'pages-1.img is cut');
  assert.equal(await restoredReason(), 'Suspended');
});

test('a suspended pod that its owner deletes is given up, and never created again', async () => {
  await dumped(await runningVictim());
  await clock.advance(1_000);
  await released();
  await clock.advance(1_000);
  await registry.delete(PODS, VICTIM, {});
  await clock.advance(60_000);
  assert.equal(await victimNow(), undefined);
  assert.equal(await restoredReason(), 'Abandoned');
});

/** An incarnation that waits on a node to be restored. */
async function boundIncarnation(): Promise<Pod> {
  await dumped(await runningVictim());
  await clock.advance(1_000);
  await released();
  await clock.advance(1_000);
  const pod = await registry.get(PODS, VICTIM);
  await registry.bind({ ...VICTIM, uid: pod.metadata.uid }, 'node-1');
  await clock.advance(1_000);
  return pod;
}

async function isAnotherNow(before: Pod): Promise<void> {
  await clock.advance(180_000);
  const after = await victimNow();
  assert.equal(after?.metadata.annotations?.['fermata.dev/restore-from'], 'thesis-1');
  assert.notEqual(after?.metadata.uid, before.metadata.uid);
  assert.equal(await restoredReason(), 'Suspended');
}

test('an incarnation that is bound and then deleted by its owner is given up too', async () => {
  await boundIncarnation();
  await registry.delete(PODS, VICTIM, {});
  await clock.advance(1_000);
  await registry.delete(PODS, VICTIM, { gracePeriodSeconds: 0 }); // the node has confirmed
  await clock.advance(60_000);
  assert.equal(await victimNow(), undefined);
  assert.equal(await restoredReason(), 'Abandoned');
});

test('an incarnation that is evicted before it was restored is created again', async () => {
  const pod = await boundIncarnation();
  await registry.evict(VICTIM);
  await clock.advance(1_000);
  await registry.delete(PODS, VICTIM, { gracePeriodSeconds: 0 }); // the node has confirmed
  await isAnotherNow(pod);
});

test('an incarnation that is gone and nobody saw why is created again', async () => {
  const pod = await boundIncarnation();
  await controller.stop();
  await registry.delete(PODS, VICTIM, { gracePeriodSeconds: 0 });
  controller = startController();
  await isAnotherNow(pod);
});

test('as long as a node may still run what was deleted by force, the workload is not created again', async () => {
  const taints = [{ key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' }];
  await registry.create(NODES, { metadata: { name: 'node-1' }, spec: { taints } });
  const pod = await boundIncarnation();
  await registry.delete(PODS, VICTIM, { gracePeriodSeconds: 0 });
  await clock.advance(600_000);
  assert.equal(await victimNow(), undefined);
  assert.equal(await restoredReason(), 'Suspended');
  await registry.delete(NODES, { name: 'node-1' });
  await isAnotherNow(pod);
});

test('while another pod has the name the workload waits, says so, and comes back when it is free', async () => {
  await dumped(await runningVictim());
  await clock.advance(1_000);
  const pod = await registry.get(PODS, VICTIM);
  await registry.delete(PODS, VICTIM, { uid: pod.metadata.uid, gracePeriodSeconds: 0 });
  const intruder = await runningVictim();
  await setCondition({ type: 'Released', status: 'True', reason: 'Released' });
  await clock.advance(15_000);
  const events = await registry.list(EVENTS, { namespace: NAMESPACE });
  assert.ok(events.items.some((event) => event.reason === 'NameTaken'));
  assert.equal((await victimNow())?.metadata.uid, intruder.metadata.uid);
  await registry.delete(PODS, VICTIM, { gracePeriodSeconds: 0 });
  await clock.advance(15_000);
  assert.equal((await victimNow())?.metadata.annotations?.['fermata.dev/restore-from'], 'thesis-1');
});

test('a controller that is replaced at any moment ends in the same place', async () => {
  const replace = async (): Promise<void> => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
    controller = startController();
    await clock.advance(1_000);
  };
  await dumped(await runningVictim());
  await replace();
  await released();
  await replace();
  const waiting = await registry.get(PODS, VICTIM);
  await replace();
  assert.equal((await victimNow())?.metadata.uid, waiting.metadata.uid);
  await setCondition({ type: 'Restored', status: 'True', reason: 'Restored' });
  await registry.delete(PODS, VICTIM, { gracePeriodSeconds: 0 });
  await replace();
  assert.equal(await victimNow(), undefined, 'a workload that was restored is not created again');
  assert.ok(isConditionTrue((await readCheckpoint()).status?.conditions, 'Restored'));
  assert.ok(controller);
});

test('a waiting incarnation is shown as Suspended, though the scheduler writes into its status at the same moment', async () => {
  const pod = await runningVictim();
  await dumped(pod);
  await clock.advance(1_000);
  const create = registry.create.bind(registry);
  registry.create = async (type, draft, options) => {
    const created = await create(type, draft, options);
    if (created.kind === 'Pod') {
      const conditions = [{ type: 'PodScheduled', status: 'False' as const, reason: 'Unschedulable' }];
      await registry.patch(PODS, VICTIM, { status: { conditions } }, { subresource: 'status' });
    }
    return created;
  };
  await released();
  await clock.advance(1_000);
  const { status } = (await victimNow()) ?? {};
  assert.equal(status?.reason, 'Suspended');
  assert.match(status?.message ?? '', /^suspended; waits for room as pod thesis/);
  assert.equal(conditionOf(status?.conditions, 'PodScheduled')?.reason, 'Unschedulable');
});

test('while its watch lags behind, the controller asks the server now and then, not without pause', async () => {
  await dumped(await runningVictim());
  await clock.advance(1_000);
  const get = registry.get.bind(registry);
  let asked = 0;
  registry.get = async (type, key, options) => {
    const object = await get(type, key, options);
    if (object.kind !== 'PodCheckpoint' || asked++ > 1_000) return object;
    return { ...object, metadata: { ...object.metadata, resourceVersion: `${object.metadata.resourceVersion}0` } };
  };
  await released();
  await clock.advance(10_000);
  assert.ok(asked > 2 && asked < 20, `asked ${asked} times in 10 s`);
  assert.equal(await victimNow(), undefined);
});
