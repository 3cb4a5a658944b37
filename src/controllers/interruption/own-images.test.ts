import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { EventRecorder, MemoryBacking, Registry } from '../../kubernetes/index.ts';
import { type ContainerState, EVENTS, INTERRUPTION_POLICIES, PODS, type Pod, SILENT_LOG } from '../../model/index.ts';
import { giveOwnImagesBack } from './own-images.ts';

const KEY = { namespace: 'default', name: 'thesis' };
const CHECKPOINT = 'registry:1/fermata/01234567-89ab-cdef-0123-456789abcdef/main';
const OWN = 'registry/program:1';
const WAITS: ContainerState = { waiting: { reason: 'ErrImagePull' } };
const RUNS: ContainerState = { running: { startedAt: '2026-01-01T00:00:00Z' } };
const { signal } = new AbortController();

let clock: VirtualClock;
let store: Registry;
let events: EventRecorder;

beforeEach(() => {
  clock = new VirtualClock();
  const random = seededRandom(1);
  store = new Registry({ backing: new MemoryBacking(), clock, random });
  events = new EventRecorder({ store, clock, random, log: SILENT_LOG }, { component: 'test' });
});

async function restored(state: ContainerState, status: 'True' | 'False' = 'True'): Promise<Pod> {
  const annotations = {
    'fermata.dev/restore-from': 'thesis-1',
    'fermata.dev/images': JSON.stringify({ main: { image: OWN } }),
  };
  const containers = [
    { name: 'main', image: CHECKPOINT },
    { name: 'beside', image: 'other' },
  ];
  await store.create(PODS, { metadata: { ...KEY, annotations, labels: { app: 'thesis' } }, spec: { containers } });
  const conditions = [{ type: 'fermata.dev/Restored', status }];
  const containerStatuses = containers.map(({ name, image }) => ({
    name,
    image,
    imageID: '',
    ready: false,
    restartCount: 1,
    state: name === 'main' ? state : WAITS,
  }));
  return store.patch(PODS, KEY, { status: { conditions, containerStatuses } }, { subresource: 'status' });
}

async function policy(namespace: string, name: string, restartFrom: 'Image' | 'Checkpoint'): Promise<void> {
  await store.create(INTERRUPTION_POLICIES, { metadata: { namespace, name }, spec: { restartFrom } });
}

const images = async (): Promise<unknown[]> => (await store.get(PODS, KEY)).spec.containers.map(({ image }) => image);

test('a container that crashed gets its own image back where its policy says so, and that is told', async () => {
  await policy('default', 'service', 'Image');
  const pod = await restored(WAITS);
  await giveOwnImagesBack({ store, events }, pod, signal);
  assert.deepEqual(await images(), [OWN, 'other']);
  await clock.advance(1_000);
  const told = (await store.list(EVENTS, {})).items.map(({ reason, message }) => `${reason}: ${message}`);
  assert.deepEqual(told, [
    'StartsFromImage: container main starts again from its image, as policy service says: all that it did is lost',
  ]);
  await giveOwnImagesBack({ store, events }, await store.get(PODS, KEY), signal);
  await clock.advance(1_000);
  assert.equal((await store.list(EVENTS, {})).items.length, 1, 'once');
});

test('the policy of the system holds where the namespace has none', async () => {
  await policy('fermata-system', 'default', 'Image');
  await giveOwnImagesBack({ store, events }, await restored(WAITS), signal);
  assert.deepEqual(await images(), [OWN, 'other']);
});

const LEFT: Record<string, () => Promise<Pod>> = {
  'one that runs': async () => {
    await policy('default', 'service', 'Image');
    return restored(RUNS);
  },
  'one that is only being restored': async () => {
    await policy('default', 'service', 'Image');
    return restored(WAITS, 'False');
  },
  'one whose policy wants its checkpoint': async () => {
    await policy('default', 'service', 'Checkpoint');
    await policy('fermata-system', 'default', 'Image');
    return restored(WAITS);
  },
  'one without a policy': () => restored(WAITS),
  'one that has changed since': async () => {
    await policy('default', 'service', 'Image');
    const pod = await restored(WAITS);
    await store.patch(PODS, KEY, { metadata: { labels: { app: 'other' } } });
    return pod;
  },
};
for (const [sentence, make] of Object.entries(LEFT)) {
  test(`${sentence} is left alone`, async () => {
    await giveOwnImagesBack({ store, events }, await make(), signal);
    assert.deepEqual(await images(), [CHECKPOINT, 'other']);
  });
}
