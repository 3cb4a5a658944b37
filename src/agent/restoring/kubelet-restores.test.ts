import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SystemClock, seededRandom } from '../../clock/index.ts';
import { MemoryBacking, Registry } from '../../kubernetes/index.ts';
import {
  conditionOf,
  EVENTS,
  FermataError,
  NAMESPACES,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  type PodCheckpointSpec,
  type PodCheckpointStatus,
  RESTORED_CONDITION,
  SILENT_LOG,
} from '../../model/index.ts';
import { imageReference } from './checkpoint-image.ts';
import type { HeldRestoresParts, Hold } from './held-restores.ts';
import { KubeletRestores } from './kubelet-restores.ts';

const NODE = 'n1';
const NAMESPACE = 'lab';
const signal = new AbortController().signal;

/** A node whose hook has stopped every container of a pod that is to be held, as soon as `back` says so. */
class MemoryReturns implements NonNullable<HeldRestoresParts['returns']> {
  readonly held = new Set<string>();
  readonly released: string[] = [];
  ids: string[] = [];
  async request(uid: string) {
    this.held.add(uid);
  }
  async pods() {
    return [...this.held];
  }
  async stopped() {
    return this.ids;
  }
  async back() {
    return this.ids;
  }
  async release(uid: string) {
    this.released.push(uid);
    this.held.delete(uid);
  }
  async forget(uid: string) {
    this.held.delete(uid);
  }
}

const clock = new SystemClock();
let parts: { clock: SystemClock; random: () => number; log: typeof SILENT_LOG };
let folder: string;
let port: number;
let registry: Registry;
let restores: KubeletRestores;
let opens: string[];
/** By which containers that crash start from their image. */
let imagePolicy: string | undefined;
/** Why restores were given up. */
let told: string[];
/** What a pod waits for once it is back, and what became of that on its node. */
let hold: Hold | undefined;
let returns: MemoryReturns;
/** Checkpoints whose data is not what was sealed. */
let broken: Set<string>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-restores-'));
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
  probe.close();
  parts = { clock, random: seededRandom(1), log: SILENT_LOG };
  registry = new Registry({ ...parts, backing: new MemoryBacking() });
  await registry.create(NAMESPACES, { metadata: { name: NAMESPACE } });
  [opens, broken, told, hold, returns] = [[], new Set(), [], undefined, new MemoryReturns()];
  imagePolicy = undefined;
  restores = newRestores();
  await restores.start();
});
afterEach(async () => {
  await restores.stop();
  rmSync(folder, { recursive: true });
});

function newRestores(): KubeletRestores {
  const agent = {
    open: async (_pod: Pod, name: string) => {
      opens.push(name);
      if (broken.has(name)) throw new Error('its data is not what was sealed');
      dataOf(name);
      return { directory: join(folder, name), fillVolumes: async () => undefined } as never;
    },
    restored: async () => undefined,
    restartsFromImage: async () => imagePolicy,
    restoreFailed: async (_pod: Pod, _name: string, reason: string) => void told.push(reason),
    holdOf: () => hold,
  };
  const volumeFolder = (): string => join(folder, 'volumes');
  return new KubeletRestores(
    { ...parts, store: registry, agent, runtime: { list: async () => [], returns } },
    { nodeName: NODE, port, registry: `127.0.0.1:${port}`, volumeFolder },
  );
}

function dataOf(name: string): void {
  mkdirSync(join(folder, name, 'main'), { recursive: true });
  writeFileSync(join(folder, name, 'main', 'config.dump'), name);
}

/** With data that differs from that of any other. */
async function checkpoint(name: string, spec: Partial<PodCheckpointSpec>, status: PodCheckpointStatus = {}) {
  dataOf(name);
  const key = { namespace: NAMESPACE, name };
  await registry.create(POD_CHECKPOINTS, { metadata: key, spec: { sourcePod: { name: 'p' }, ...spec } });
  const ready = { type: 'Ready', status: 'True' as const, reason: 'CheckpointCompleted' };
  const checkpointedContainers = [{ name: 'main', image: 'i', sizeBytes: 1 }];
  const whole = { conditions: [ready], checkpointedContainers, ...status };
  return registry.patch(POD_CHECKPOINTS, key, { status: whole }, { subresource: 'status' });
}

/** As the kubelet says it. */
async function runs({ metadata }: Pod, containerID: string): Promise<void> {
  const running = { startedAt: '2026-01-01T00:00:00Z' };
  const status = {
    name: 'main',
    image: '',
    imageID: '',
    containerID,
    ready: true,
    restartCount: 0,
    state: { running },
  };
  await registry.patch(PODS, metadata, { status: { containerStatuses: [status] } }, { subresource: 'status' });
}

/** What the pod says of its restore. */
async function verdict({ metadata: { namespace, name } }: Pod): Promise<string> {
  for (;;) {
    const { status } = await registry.get(PODS, { namespace, name });
    const found = conditionOf(status?.conditions, RESTORED_CONDITION);
    if (found !== undefined) return `${found.status}: ${found.message}`;
    await nextTurn();
  }
}

async function restoredPod({ metadata }: PodCheckpoint, hasRun = true): Promise<Pod> {
  const key = { namespace: NAMESPACE, name: 'p' };
  const image = imageReference(`127.0.0.1:${port}`, metadata.uid, 'main');
  await registry.create(PODS, {
    metadata: { ...key, annotations: { 'fermata.dev/restore-from': metadata.name } },
    spec: { nodeName: NODE, containers: [{ name: 'main', image }] },
  });
  const conditions = hasRun ? [{ type: RESTORED_CONDITION, status: 'True' as const }] : [];
  return registry.patch(PODS, key, { status: { phase: 'Running', conditions } }, { subresource: 'status' });
}

/** Of which checkpoint the kubelet is given the data when it starts the container. */
async function startsFrom({ metadata }: PodCheckpoint): Promise<string | undefined> {
  const request = {
    checkpointUid: metadata.uid,
    container: 'main',
    kind: 'manifests',
    reference: 'checkpoint',
  } as const;
  const started = await restores.image(request, true, signal);
  const layer = await restores.image({ ...request, kind: 'blobs' }, false, signal);
  assert.deepEqual(layer, started, 'what is pulled is what the start began with');
  return started?.directory.split('/').at(-2);
}

async function events(): Promise<string[]> {
  await restores.stop();
  const { items } = await registry.list(EVENTS, { namespace: NAMESPACE });
  return items.map(({ type, message }) => `${type}: ${message}`);
}

test('a container that crashed goes on from the newest checkpoint of its pod, and what is lost is said', async () => {
  const first = await checkpoint('first', { postCheckpointState: 'Stopped' });
  const { uid } = (await restoredPod(first)).metadata;
  assert.equal(await startsFrom(first), 'first', 'there is no newer one');
  await checkpoint('second', {}, { sourcePodUID: uid, startTime: '2026-01-01T10:00:00Z' });
  await checkpoint('third', {}, { sourcePodUID: uid, startTime: '2026-01-01T11:00:00Z' });
  assert.equal(await startsFrom(first), 'third');
  const said = await events();
  assert.equal(said.length, 2);
  assert.match(
    said[0] ?? '',
    /^Warning: container main starts again from checkpoint first, which the pod was restored/,
  );
  assert.match(said[1] ?? '', /^Normal: container main starts again from checkpoint third of 2026-01-01T11:00:00Z/);
});

test('where its policy says so, a container that crashed is given nothing to go back to', async () => {
  const first = await checkpoint('first', { postCheckpointState: 'Stopped' });
  const { metadata } = await restoredPod(first, false);
  imagePolicy = 'service';
  assert.equal(await startsFrom(first), 'first', 'the restore itself is none of its business');
  const annotations = { 'fermata.dev/images': JSON.stringify({ main: { image: 'registry/program:1' } }) };
  await registry.patch(PODS, metadata, { metadata: { annotations } });
  const conditions = [{ type: RESTORED_CONDITION, status: 'True' as const }];
  await registry.patch(PODS, metadata, { status: { conditions } }, { subresource: 'status' });
  await nextTurn();
  assert.equal(await startsFrom(first), undefined, 'this start fails, and the next is of the image');
});

test('not from one of another pod, nor one that stopped it, nor one that failed', async () => {
  const first = await checkpoint('first', { postCheckpointState: 'Stopped' });
  const { uid } = (await restoredPod(first)).metadata;
  await checkpoint('other', {}, { sourcePodUID: 'another' });
  await checkpoint('stopping', { postCheckpointState: 'Stopped' }, { sourcePodUID: uid });
  await checkpoint('failed', {}, { sourcePodUID: uid, conditions: [{ type: 'Ready', status: 'False' }] });
  assert.equal(await startsFrom(first), 'first');
});

test('a newest checkpoint that cannot be had is no reason not to start, but is said', async () => {
  const first = await checkpoint('first', { postCheckpointState: 'Stopped' });
  const { uid } = (await restoredPod(first)).metadata;
  await checkpoint('second', {}, { sourcePodUID: uid });
  broken.add('second');
  assert.equal(await startsFrom(first), 'first');
  assert.match(
    (await events()).join(),
    /Warning: .* checkpoint first, for the newer second cannot be had: its data is not/,
  );
});

test('a pod that has not run yet starts from the checkpoint that it names, and nothing is said', async () => {
  const first = await checkpoint('first', { postCheckpointState: 'Stopped' });
  const { uid } = (await restoredPod(first, false)).metadata;
  await checkpoint('second', {}, { sourcePodUID: uid });
  assert.equal(await startsFrom(first), 'first');
  assert.deepEqual(opens, ['first']);
  assert.deepEqual(await events(), []);
});

test('an image of a checkpoint that the pod does not name is not given out', async () => {
  const first = await checkpoint('first', { postCheckpointState: 'Stopped' });
  const theirs = await checkpoint('theirs', { postCheckpointState: 'Stopped' });
  const image = imageReference(`127.0.0.1:${port}`, theirs.metadata.uid, 'main');
  await registry.create(PODS, {
    metadata: { namespace: NAMESPACE, name: 'q', annotations: { 'fermata.dev/restore-from': first.metadata.name } },
    spec: { nodeName: NODE, containers: [{ name: 'main', image }] },
  });
  assert.equal(await startsFrom(theirs), undefined);
  assert.deepEqual(opens, []);
});

test('a copy that left the node between two starts is brought here again', async () => {
  const first = await checkpoint('first', { postCheckpointState: 'Stopped' });
  await restoredPod(first, false);
  assert.equal(await startsFrom(first), 'first');
  rmSync(join(folder, 'first'), { recursive: true });
  assert.equal(await startsFrom(first), 'first');
  assert.deepEqual(opens, ['first', 'first']);
});

test('a member of a group is restored when its group goes on, and not when the kubelet takes it for running', async () => {
  const group = Promise.withResolvers<void>();
  hold = () => group.promise;
  const first = await checkpoint('first', { postCheckpointState: 'Stopped' });
  const pod = await restoredPod(first, false);
  await startsFrom(first);
  assert.deepEqual([...returns.held], [pod.metadata.uid], 'it is asked for before the kubelet has its image');
  returns.ids = ['x'];
  await runs(pod, 'containerd://x');
  let said: string | undefined;
  const end = verdict(pod).then((text) => {
    said = text;
  });
  await clock.sleep(200);
  assert.equal(said, undefined);
  group.resolve();
  await end;
  assert.deepEqual([said, returns.released], ['True: from checkpoint first', [pod.metadata.uid]]);
});

test('one whose group does not come back whole is given up, and gets no second image', async () => {
  hold = () => Promise.reject(new FermataError('RestoreRefused', 'pod q did not come back'));
  const first = await checkpoint('first', { postCheckpointState: 'Stopped' });
  const pod = await restoredPod(first, false);
  await startsFrom(first);
  returns.ids = ['x'];
  await runs(pod, 'containerd://x');
  assert.equal(await verdict(pod), 'False: pod q did not come back');
  assert.deepEqual([returns.released, told], [[], []], 'its group knows');
  // The watch tells of it a moment later.
  const { uid } = first.metadata;
  const request = { checkpointUid: uid, container: 'main', kind: 'manifests', reference: 'checkpoint' } as const;
  while ((await restores.image(request, true, signal)) !== undefined) await clock.sleep(1);
});

test('one that was not stopped as it came back is given up, and its group is told', async () => {
  hold = () => new Promise((_, reject) => signal.addEventListener('abort', reject));
  const first = await checkpoint('first', { postCheckpointState: 'Stopped' });
  const pod = await restoredPod(first, false);
  await startsFrom(first);
  await runs(pod, 'containerd://x');
  assert.match(await verdict(pod), /^False: container main did not stand still .* CRIU did not run Fermata's hook/);
  assert.equal(told.length, 1);
});

test('an agent that was started anew goes on holding, and forgets who went meanwhile', async () => {
  hold = async () => undefined;
  returns.held.add('gone');
  const first = await checkpoint('first', { postCheckpointState: 'Stopped' });
  returns.ids = ['x'];
  const image = imageReference(`127.0.0.1:${port}`, first.metadata.uid, 'main');
  const metadata = { namespace: NAMESPACE, name: 'p', annotations: { 'fermata.dev/restore-from': 'first' } };
  await restores.stop();
  const pod = await registry.create(PODS, {
    metadata,
    spec: { nodeName: NODE, containers: [{ name: 'main', image }] },
  });
  await runs(pod, 'containerd://x');
  returns.held.add(pod.metadata.uid);
  restores = newRestores();
  await restores.start();
  assert.match(await verdict(pod), /^True/);
  assert.deepEqual([returns.released, [...returns.held]], [[pod.metadata.uid], []]);
});
