import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../clock/index.ts';
import { EventRecorder, MemoryBacking, modelKinds, Registry } from '../kubernetes/index.ts';
import { uncheckedKind } from '../kubernetes/testing.ts';
import { EVENTS, PODS, SILENT_LOG } from '../model/index.ts';
import { BATCH_JOBS } from './job.ts';
import { OverflowController } from './overflow-controller.ts';

const AFTER = 60_000;

test('the controller lets a pod make way when its time has come, once, and says so', async () => {
  const clock = new VirtualClock();
  const kinds = [...modelKinds().list(), uncheckedKind(BATCH_JOBS)];
  const random = seededRandom(1);
  const store = new Registry({ backing: new MemoryBacking(), clock, random, kinds: { list: () => kinds } });
  const parts = { store, clock, random, log: SILENT_LOG };
  const events = new EventRecorder(parts, { component: 'test' });
  const controller = new OverflowController({ ...parts, events }, { after: AFTER });
  controller.start();

  const labels = { 'fermata.dev/hpc': 'overflow' };
  const spec = { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i', command: ['c'] }] };
  const key = { namespace: 'default', name: 'simulation' };
  const template = { metadata: { labels }, spec };
  const job = await store.create(BATCH_JOBS, { metadata: { ...key, labels }, spec: { template } });
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: key.name, uid: job.metadata.uid, controller: true };
  const make = async (name: string, more: object = {}): Promise<void> => {
    await store.create(PODS, { metadata: { ...key, name, labels, ownerReferences: [owner], ...more }, spec });
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable' };
    await store.patch(PODS, { ...key, name }, { status: { conditions: [condition] } }, { subresource: 'status' });
  };
  await make('waits');
  await make('suspended', { annotations: { 'fermata.dev/restore-from': 'c' } });
  await clock.advance(AFTER - 1);
  assert.equal((await store.list(PODS)).items.length, 2);
  await clock.advance(5000);
  assert.deepEqual(
    (await store.list(PODS)).items.map(({ metadata }) => metadata.name),
    ['suspended'],
  );
  await controller.stop();
  await events.flush();
  const said = (await store.list(EVENTS)).items.map(({ reason, involvedObject }) => `${reason} ${involvedObject.name}`);
  assert.deepEqual(said.sort(), ['NotMovedToHPC suspended', 'OverflowToHPC simulation']);
  store.close();
});
