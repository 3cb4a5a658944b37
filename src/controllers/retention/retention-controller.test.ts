import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { rfc3339, seededRandom, VirtualClock } from '../../clock/index.ts';
import { EventRecorder, MemoryBacking, Registry, type WatchEvent, type WatchOptions } from '../../kubernetes/index.ts';
import {
  type Condition,
  INTERRUPTION_POLICIES,
  type InterruptionPolicy,
  type KubeObject,
  POD_CHECKPOINTS,
  PODS,
  type PodCheckpoint,
  type ResourceType,
  SILENT_LOG,
} from '../../model/index.ts';
import { RetentionController } from './retention-controller.ts';

const NAMESPACE = 'default';
const MINUTE = 60_000;

/** Lists pods, and never tells what becomes of them. */
class StalledPods extends Registry {
  stalled = false;
  silent = false;

  override async get<T extends KubeObject>(...call: Parameters<Registry['get']>): Promise<T> {
    if (this.silent && call[0].kind === PODS.kind) throw new Error('the server does not answer');
    return super.get(...call) as Promise<T>;
  }

  override async *watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    for await (const event of super.watch(type, options)) {
      if (this.stalled && type.kind === PODS.kind) await clock.sleep(7 * 24 * 60 * MINUTE, options.signal);
      yield event;
    }
  }
}

let clock: VirtualClock;
let registry: StalledPods;
let controller: RetentionController;

beforeEach(() => {
  clock = new VirtualClock();
  registry = new StalledPods({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  const dependencies = { store: registry, clock, random: seededRandom(2), log: SILENT_LOG };
  controller = new RetentionController({
    ...dependencies,
    events: new EventRecorder(dependencies, { component: 'test' }),
  });
  controller.start();
});

afterEach(() => controller.stop());

async function pod(
  name: string,
  phase: 'Running' | 'Succeeded',
  annotations: Record<string, string> = {},
): Promise<void> {
  const created = await registry.create(PODS, {
    metadata: { name, namespace: NAMESPACE, annotations },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
  await registry.bind({ namespace: NAMESPACE, name, uid: created.metadata.uid }, 'node-1');
  await registry.patch(PODS, { namespace: NAMESPACE, name }, { status: { phase } }, { subresource: 'status' });
}

async function checkpoint(
  name: string,
  options: { stopped?: boolean; reason?: NonNullable<PodCheckpoint['spec']['reason']>; conditions: Condition[] },
): Promise<void> {
  await registry.create(POD_CHECKPOINTS, {
    metadata: { name, namespace: NAMESPACE },
    spec: {
      sourcePod: { name: 'thesis' },
      postCheckpointState: options.stopped === false ? 'Running' : 'Stopped',
      reason: options.reason ?? 'Preemption',
      restore: 'Automatic',
    },
  });
  await registry.patch(
    POD_CHECKPOINTS,
    { namespace: NAMESPACE, name },
    { status: { startTime: rfc3339(clock.now()), conditions: options.conditions } },
    { subresource: 'status' },
  );
}

const is = (type: string, status: 'True' | 'False', reason = type): Condition => ({
  type,
  status,
  reason,
  lastTransitionTime: rfc3339(clock.now()),
});
const ready = (): Condition[] => [is('Ready', 'True', 'CheckpointCompleted'), is('Released', 'True')];
const names = async (): Promise<string[]> =>
  (await registry.list(POD_CHECKPOINTS)).items.map(({ metadata }) => metadata.name);

test('of a running workload the newest checkpoint stays and the older one goes', async () => {
  await pod('thesis', 'Running');
  await checkpoint('old', { conditions: [...ready(), is('Restored', 'True')] });
  await clock.advance(MINUTE);
  await checkpoint('new', { conditions: [...ready(), is('Restored', 'True')] });
  await clock.advance(MINUTE);
  assert.deepEqual(await names(), ['new']);
});

test('while a newer checkpoint is only being made the older one stays', async () => {
  await pod('thesis', 'Running');
  await checkpoint('old', { conditions: [...ready(), is('Restored', 'True')] });
  await clock.advance(MINUTE);
  await checkpoint('new', { conditions: [is('Ready', 'False', 'CheckpointInProgress')] });
  await clock.advance(MINUTE);
  assert.deepEqual(await names(), ['new', 'old']);
});

test('what a suspended workload has nothing beside is kept, however long it waits', async () => {
  await checkpoint('only', { conditions: [...ready(), is('Restored', 'False', 'Suspended')] });
  await clock.advance(100 * 24 * 60 * MINUTE);
  assert.deepEqual(await names(), ['only']);
});

test('after the workload has ended its checkpoints go, those made by hand excepted', async () => {
  await pod('thesis', 'Succeeded');
  await checkpoint('made-by-fermata', { conditions: [...ready(), is('Restored', 'True')] });
  await checkpoint('made-by-hand', { stopped: false, reason: 'Manual', conditions: ready() });
  await clock.advance(5 * MINUTE);
  assert.deepEqual(await names(), ['made-by-fermata', 'made-by-hand']);
  await clock.advance(6 * MINUTE);
  assert.deepEqual(await names(), ['made-by-hand']);
});

test('the state of a workload that was deleted while suspended stays an hour', async () => {
  await checkpoint('given-up', { conditions: [...ready(), is('Restored', 'False', 'Abandoned')] });
  await clock.advance(50 * MINUTE);
  assert.deepEqual(await names(), ['given-up']);
  await clock.advance(15 * MINUTE);
  assert.deepEqual(await names(), []);
});

test('a checkpoint that a pod waits for stays', async () => {
  await checkpoint('wanted', { conditions: [...ready(), is('Restored', 'False', 'Abandoned')] });
  await pod('thesis', 'Running', { 'fermata.dev/restore-from': 'wanted' });
  await clock.advance(24 * 60 * MINUTE);
  assert.deepEqual(await names(), ['wanted']);
});

test('what a restored pod would go on from after a crash stays, though a newer copy was made of it', async () => {
  await checkpoint('base', { conditions: [...ready(), is('Restored', 'True')] });
  await clock.advance(MINUTE);
  await pod('thesis', 'Running', { 'fermata.dev/restore-from': 'base' });
  await checkpoint('copy', { stopped: false, reason: 'Periodic', conditions: ready() });
  await clock.advance(24 * 60 * MINUTE);
  assert.deepEqual(await names(), ['base', 'copy']);
});

test('what a pod goes on from stays although the watch has not told of that pod', async () => {
  registry.stalled = true;
  await checkpoint('base', { conditions: [...ready(), is('Restored', 'True')] });
  await pod('thesis', 'Running', { 'fermata.dev/restore-from': 'base' });
  await clock.advance(MINUTE);
  await checkpoint('copy', { stopped: false, reason: 'Periodic', conditions: ready() });
  await clock.advance(24 * 60 * MINUTE);
  assert.deepEqual(await names(), ['base', 'copy']);
});

test('a pinned checkpoint stays though its workload ended, and goes once it is unpinned', async () => {
  await pod('thesis', 'Succeeded');
  await checkpoint('pinned', { conditions: [...ready(), is('Restored', 'True')] });
  const pin = (value: string | null) =>
    registry.patch(
      POD_CHECKPOINTS,
      { namespace: NAMESPACE, name: 'pinned' },
      { metadata: { annotations: { 'fermata.dev/pinned': value } } },
    );
  await pin('2026-01-01T00:00:00Z');
  await clock.advance(24 * 60 * MINUTE);
  assert.deepEqual(await names(), ['pinned']);
  await pin(null);
  await clock.advance(MINUTE);
  assert.deepEqual(await names(), []);
});

const policy = (name: string, spec: InterruptionPolicy['spec']): Promise<unknown> =>
  registry.create(INTERRUPTION_POLICIES, { metadata: { name, namespace: NAMESPACE }, spec });

test('of those made by hand as many stay as the policy allows, the latest, once there is a policy', async () => {
  await pod('thesis', 'Running');
  for (const name of ['a', 'b', 'c']) {
    await checkpoint(name, { stopped: false, reason: 'Manual', conditions: ready() });
    await clock.advance(MINUTE);
  }
  assert.deepEqual(await names(), ['a', 'b', 'c']);
  await policy('keep', { retention: { maxCheckpoints: 2 } });
  await clock.advance(MINUTE);
  assert.deepEqual(await names(), ['b', 'c']);
});

test('what is older than the policy allows goes in time, the latest of a living workload excepted', async () => {
  await policy('keep', { retention: { maxAgeSeconds: 3600 } });
  await pod('thesis', 'Running');
  await checkpoint('old', { stopped: false, reason: 'Manual', conditions: ready() });
  await clock.advance(MINUTE);
  await checkpoint('latest', { stopped: false, reason: 'Manual', conditions: ready() });
  await clock.advance(50 * MINUTE);
  assert.deepEqual(await names(), ['latest', 'old']);
  await clock.advance(10 * MINUTE);
  assert.deepEqual(await names(), ['latest']);
  await clock.advance(24 * 60 * MINUTE);
  assert.deepEqual(await names(), ['latest']);
});

test('the only copy of a suspended workload stays, whatever the policies of workload and namespace say', async () => {
  await policy('keep', { retention: { maxAgeSeconds: 1, maxTotalSize: '1', namespace: { maxTotalSize: '1' } } });
  await checkpoint('only', { conditions: [...ready(), is('Restored', 'False', 'Suspended')] });
  await clock.advance(24 * 60 * MINUTE);
  assert.deepEqual(await names(), ['only']);
});

test('checkpoints of a workload that ended are kept where the policy says so', async () => {
  await policy('keep', { retention: { orphans: 'Keep' } });
  await pod('thesis', 'Succeeded');
  await checkpoint('kept', { conditions: [...ready(), is('Restored', 'True')] });
  await clock.advance(24 * 60 * MINUTE);
  assert.deepEqual(await names(), ['kept']);
});

test('a policy with a selector holds before one without, whatever their names', async () => {
  await policy('a-for-all', { retention: { maxCheckpoints: 1 } });
  const selector = { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' as const }] };
  await policy('b-for-some', { selector, retention: { maxCheckpoints: 3 } });
  await pod('thesis', 'Running');
  for (const name of ['a', 'b']) await checkpoint(name, { stopped: false, reason: 'Manual', conditions: ready() });
  await clock.advance(10 * MINUTE);
  assert.deepEqual(await names(), ['a', 'b']);
});

test('a server that does not answer is not taken for a pod that is gone', async () => {
  registry.silent = true;
  await pod('thesis', 'Succeeded');
  await checkpoint('kept', { conditions: [...ready(), is('Restored', 'True')] });
  await clock.advance(24 * 60 * MINUTE);
  assert.deepEqual(await names(), ['kept']);
  registry.silent = false;
  await clock.advance(60 * MINUTE);
  assert.deepEqual(await names(), []);
});
