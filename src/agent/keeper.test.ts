import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryFiles } from '../checkpoint/index.ts';
import { seededRandom, VirtualClock } from '../clock/index.ts';
import { EventRecorder, MemoryBacking, Registry } from '../kubernetes/index.ts';
import { conditionOf, POD_CHECKPOINTS, PODS, type PodCheckpoint, SILENT_LOG } from '../model/index.ts';
import type { PodObservation } from '../runtime/index.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { newCounters } from './counters.ts';
import { LET_GO_MILLISECONDS } from './defaults.ts';
import { Keeper, type KeeperParts } from './keeper.ts';

const POD = { namespace: 'default', name: 'thesis' };
const KEY = { namespace: 'default', name: 'thesis-1' };
const { signal } = new AbortController();

class Ground {
  readonly clock = new VirtualClock();
  readonly registry = new Registry({ backing: new MemoryBacking(), clock: this.clock, random: seededRandom(1) });
  /** On the node. */
  pods: PodObservation[] = [];
  readonly keeper: Keeper;

  constructor() {
    const { clock, registry } = this;
    const events = new EventRecorder(
      { store: registry, clock, random: seededRandom(1), log: SILENT_LOG },
      { component: 'test' },
    );
    const runtime = { list: async () => this.pods } as unknown as KeeperParts['runtime'];
    const storage = { files: new MemoryFiles() } as unknown as KeeperParts['storage'];
    const journal = { entries: () => [] } as unknown as KeeperParts['journal'];
    const writer = new CheckpointWriter(registry);
    this.keeper = new Keeper(
      { store: registry, runtime, clock, log: SILENT_LOG, events, journal, storage, writer, counters: newCounters() },
      { nodeName: 'node-1', directory: '/checkpoints' },
    );
  }

  /** A victim that was dumped and whose deletion was asked for, and its checkpoint. */
  async leaving(): Promise<void> {
    const { registry } = this;
    const pod = await registry.create(PODS, { metadata: POD, spec: { containers: [{ name: 'c', image: 'i' }] } });
    await registry.bind({ ...POD, uid: pod.metadata.uid }, 'node-1');
    await registry.create(POD_CHECKPOINTS, {
      metadata: KEY,
      spec: { sourcePod: { name: POD.name }, postCheckpointState: 'Stopped' },
    });
    const ready = { type: 'Ready', status: 'True', reason: 'CheckpointCompleted' };
    const status = { nodeName: 'node-1', sourcePodUID: pod.metadata.uid, conditions: [ready] };
    await registry.patch(POD_CHECKPOINTS, KEY, { status }, { subresource: 'status' });
    await registry.delete(PODS, POD, { gracePeriodSeconds: 1 });
    this.pods = [{ uid: pod.metadata.uid, ...POD, containers: [] }];
  }

  checkpoint(): Promise<PodCheckpoint> {
    return this.registry.get(POD_CHECKPOINTS, KEY);
  }

  async released() {
    return conditionOf((await this.checkpoint()).status?.conditions, 'Released');
  }

  async look() {
    return this.keeper.release(await this.checkpoint(), signal);
  }
}

test('a pod of which nothing runs and whose object stays is said to be empty, seen twice', async () => {
  const ground = new Ground();
  await ground.leaving();
  assert.equal(await ground.look(), undefined);
  await ground.clock.advance(60_000);
  assert.equal(await ground.look(), undefined, 'it runs');
  ground.pods = [];
  assert.deepEqual(await ground.look(), { requeueAfterMilliseconds: LET_GO_MILLISECONDS });
  assert.equal(await ground.released(), undefined);
  await ground.clock.advance(LET_GO_MILLISECONDS);
  await ground.look();
  const { status, reason } = (await ground.released()) ?? {};
  assert.deepEqual({ status, reason }, { status: 'False', reason: 'NothingRuns' });
  await ground.registry.delete(PODS, POD, { gracePeriodSeconds: 0 });
  await ground.look();
  assert.equal((await ground.released())?.status, 'True');
});

test('what runs again in between was not gone', async () => {
  const ground = new Ground();
  await ground.leaving();
  const there = ground.pods;
  ground.pods = [];
  await ground.look();
  ground.pods = there;
  await ground.clock.advance(LET_GO_MILLISECONDS);
  await ground.look();
  ground.pods = [];
  assert.deepEqual(await ground.look(), { requeueAfterMilliseconds: LET_GO_MILLISECONDS });
  assert.equal(await ground.released(), undefined);
});

test('a pod that nobody deletes is not empty, however little of it runs', async () => {
  const ground = new Ground();
  await ground.leaving();
  await ground.registry.delete(PODS, POD, { gracePeriodSeconds: 0 });
  const pod = await ground.registry.create(PODS, {
    metadata: POD,
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
  await ground.registry.patch(
    POD_CHECKPOINTS,
    KEY,
    { status: { sourcePodUID: pod.metadata.uid } },
    { subresource: 'status' },
  );
  ground.pods = [];
  assert.equal(await ground.look(), undefined);
  await ground.clock.advance(60_000);
  await ground.look();
  assert.equal(await ground.released(), undefined);
});
