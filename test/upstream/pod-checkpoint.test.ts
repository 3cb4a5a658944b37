import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Agent, MemoryJournal, UpstreamRestores } from '../../src/agent/index.ts';
import { MemoryFiles } from '../../src/checkpoint/index.ts';
import { seededRandom, VirtualClock } from '../../src/clock/index.ts';
import { InterruptionController } from '../../src/controllers/index.ts';
import { EventRecorder, UpstreamCheckpoints } from '../../src/kubernetes/index.ts';
import {
  conditionOf,
  NODE_POD_CHECKPOINTS,
  NODES,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  RESTORED_CONDITION,
  SILENT_LOG,
} from '../../src/model/index.ts';
import {
  type ContainerToCheckpoint,
  HostProcesses,
  KubeletRuntime,
  SimulatedRuntime,
} from '../../src/runtime/index.ts';
import { ApiStandIn } from './api-stand-in.ts';
import { KubeletStandIn } from './kubelet-stand-in.ts';

const NODE = 'n1';
const NAMESPACE = 'default';
const THESIS = { namespace: NAMESPACE, name: 'thesis' };
const OUTPUT = '/shared/results/steps';

let root: string;
let clock: VirtualClock;
let api: ApiStandIn;
let kubelet: KubeletStandIn;
let simulated: SimulatedRuntime;
let runtime: KubeletRuntime;
let journal: MemoryJournal;
let agent: Agent;
let checkpoints: string;
/** What the kubelet's older endpoint was asked of this pod; here it has none. */
let asked: ContainerToCheckpoint[];
let stops: (() => Promise<unknown>)[];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'fermata-upstream-'));
  clock = new VirtualClock();
  const parts = { clock, random: seededRandom(1), log: SILENT_LOG };
  api = new ApiStandIn(parts);
  await api.serve();
  await api.registry.create(NODES, { metadata: { name: NODE } });
  simulated = new SimulatedRuntime({ clock, files: new MemoryFiles() });
  kubelet = new KubeletStandIn({ registry: api.registry, runtime: simulated, clock }, NODE, root);
  kubelet.start();
  asked = [];
  const { store } = api;
  runtime = newRuntime();
  await runtime.prepare();
  checkpoints = join(root, 'checkpoints');
  mkdirSync(checkpoints);
  journal = new MemoryJournal();
  agent = newAgent();
  const restores = new UpstreamRestores({ ...parts, store, agent }, { nodeName: NODE });
  const events = new EventRecorder({ ...parts, store }, { component: 'test' });
  const controller = new InterruptionController({ ...parts, store, events });
  agent.start();
  restores.start();
  controller.start();
  stops = [controller, restores, kubelet].map((one) => async () => one.stop());
  stops.push(() => agent.stop());
});

afterEach(async () => {
  const stopping = Promise.all(stops.map((stop) => stop()));
  let stopped = false;
  void stopping.finally(() => (stopped = true));
  while (!stopped) await clock.advance(100);
  await stopping;
  await simulated.stop();
  rmSync(root, { recursive: true });
});

function newRuntime(): KubeletRuntime {
  const { store } = api;
  return new KubeletRuntime(
    {
      clock,
      log: SILENT_LOG,
      upstream: new UpstreamCheckpoints(store),
      kubelet: {
        checkpoint: async (container) => {
          if (container.container !== 'None') asked.push(container);
          return { status: 404, message: '404 page not found' };
        },
      },
      pods: async () => (await store.list(PODS, { fieldSelector: `spec.nodeName=${NODE}` })).items,
      processes: new HostProcesses(join(root, 'proc')),
      signal: (pid, name) => kubelet.signal(pid, name),
    },
    { root },
  );
}

function newAgent(): Agent {
  return new Agent(
    { clock, random: seededRandom(2), log: SILENT_LOG, store: api.store, runtime, journal },
    {
      nodeName: NODE,
      directory: checkpoints,
      restoreImage: (uid, name) => `registry.invalid/fermata/${uid}/${name}`,
      upstream: true,
    },
  );
}

async function until(what: string, holds: () => Promise<boolean>, seconds = 60): Promise<void> {
  for (let passed = 0; passed < seconds * 1000; passed += 20) {
    if (await holds()) return;
    await clock.advance(20);
  }
  const [checkpoints, upstream, pods] = await Promise.all([
    api.registry.list(POD_CHECKPOINTS),
    upstreamObjects(),
    api.registry.list(PODS),
  ]);
  const statuses = [...checkpoints.items, ...upstream, ...pods.items].map(({ status }) => status?.conditions);
  assert.fail(`not after ${seconds} s: ${what}\n${JSON.stringify(statuses, null, 1)}`);
}

async function thesis(spec: Partial<Pod['spec']> = {}): Promise<Pod> {
  const pod = await api.store.create(PODS, {
    metadata: THESIS,
    spec: {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'main',
          image: 'thesis:1',
          env: [
            { name: 'FERMATA_STEP_MILLISECONDS', value: '100' },
            { name: 'FERMATA_OUTPUT', value: '/results/steps' },
          ],
          volumeMounts: [{ name: 'results', mountPath: '/results' }],
        },
      ],
      volumes: [{ name: 'results', hostPath: { path: '/shared/results' } }],
      ...spec,
    },
  });
  await runs(pod);
  return current();
}

async function runs(pod: Pod): Promise<void> {
  await api.store.bind({ ...THESIS, uid: pod.metadata.uid }, NODE);
  await until('the pod runs', async () => (await current()).status?.phase === 'Running');
  await clock.advance(1000);
}

const current = (): Promise<Pod> => api.store.get(PODS, THESIS);

async function order(spec: Partial<PodCheckpoint['spec']> = {}): Promise<string> {
  const pod = await current();
  const sourcePod = { name: THESIS.name, uid: pod.metadata.uid };
  const metadata = { namespace: NAMESPACE, name: 'thesis-1' };
  await api.store.create(POD_CHECKPOINTS, {
    metadata,
    spec: { sourcePod, postCheckpointState: 'Stopped', reason: 'Preemption', ...spec },
  });
  return pod.metadata.uid;
}

const checkpoint = (): Promise<PodCheckpoint> =>
  api.store.get(POD_CHECKPOINTS, { namespace: NAMESPACE, name: 'thesis-1' });
const condition = async (type: string) => conditionOf((await checkpoint()).status?.conditions, type);
const lastFailure = async () => (await checkpoint()).status?.restoration?.lastFailure;
const upstreamObjects = async () => (await api.registry.list(NODE_POD_CHECKPOINTS, { namespace: NAMESPACE })).items;

/** The next incarnation, once it is there. */
async function successor(of: string): Promise<Pod> {
  let next: Pod | undefined;
  await until('the next incarnation', async () => {
    const { items } = await api.store.list(PODS, { namespace: NAMESPACE });
    next = items.find(({ metadata }) => metadata.uid !== of);
    return next !== undefined;
  });
  assert.ok(next);
  return next;
}

const restored = async () => conditionOf((await current()).status?.conditions, RESTORED_CONDITION);

test('a victim is checkpointed, held, released and restored by the kubelet, and no step of it is done twice', async () => {
  await thesis();
  const uid = await order();
  await until('Ready', async () => (await condition('Ready'))?.status === 'True');
  const { checkpointLocation, checkpointedPodTemplate } = (await checkpoint()).status ?? {};
  const [upstream] = await upstreamObjects();
  assert.equal(checkpointLocation?.upstream?.name, upstream?.metadata.name);
  assert.deepEqual(checkpointedPodTemplate?.spec, upstream?.status?.checkpointedPodTemplate?.spec);
  const next = await successor(uid);
  assert.equal(next.spec.restoreFrom, upstream?.metadata.name);
  assert.match(next.spec.containers[0]?.image ?? '', /^thesis:1@sha256:/);
  const done = simulated.outputOf(OUTPUT);
  await clock.advance(5_000);
  assert.deepEqual(simulated.outputOf(OUTPUT), done, 'nothing runs behind its dump');
  await runs(next);
  await until('Restored', async () => (await condition('Restored'))?.status === 'True');
  await until('the pod says so', async () => (await restored())?.status === 'True');
  await clock.advance(2_000);
  const steps = simulated.outputOf(OUTPUT);
  assert.ok(steps.length > done.length + 10);
  assert.deepEqual(
    steps,
    steps.map((_, index) => index + 1),
  );
  assert.deepEqual(asked, [], 'the endpoint was not asked');
  // From what is spent nobody can go on a second time.
  assert.deepEqual(await upstreamObjects(), []);
  assert.deepEqual(readdirSync(kubelet.checkpoints), []);
  assert.equal((await checkpoint()).status?.checkpointLocation, undefined);
});

test('a pod that is to run on does, and what its checkpoint left goes with it', async () => {
  await thesis();
  await order({ postCheckpointState: 'Running', reason: 'Manual' });
  await until('Ready', async () => (await condition('Ready'))?.status === 'True');
  const done = simulated.outputOf(OUTPUT).length;
  await clock.advance(1_000);
  assert.equal(simulated.outputOf(OUTPUT).length, done + 10);
  assert.equal(readdirSync(kubelet.checkpoints).length, 1);
  await api.store.delete(POD_CHECKPOINTS, { namespace: NAMESPACE, name: 'thesis-1' });
  await until('it is gone', async () => (await api.store.list(POD_CHECKPOINTS)).items.length === 0);
  assert.deepEqual(await upstreamObjects(), []);
  assert.deepEqual(readdirSync(kubelet.checkpoints), []);
});

test('an agent that ends in the middle of a dump leaves nothing of it behind, and the next one takes it up', async () => {
  await thesis();
  await order({ postCheckpointState: 'Running', reason: 'Manual' });
  await until('the kubelet dumps', async () => {
    const [made] = await upstreamObjects();
    return conditionOf(made?.status?.conditions, 'Ready')?.reason === 'CheckpointInProgress';
  });
  let ended = false;
  void agent.stop().finally(() => (ended = true));
  await until('the agent has ended', async () => ended);
  assert.deepEqual(await upstreamObjects(), []);
  assert.deepEqual(readdirSync(kubelet.checkpoints), []);
  agent = newAgent();
  agent.start();
  await until('Ready', async () => (await condition('Ready'))?.status === 'True');
  assert.equal((await upstreamObjects()).length, 1);
});

test('a victim whose dump was complete when its agent died stands still behind it, and runs on when the data is gone', async () => {
  const { uid } = (await thesis()).metadata;
  const options = { directory: join(checkpoints, 'default_x_y'), leaveRunning: false, timeoutMilliseconds: 10_000 };
  let dumped = false;
  void runtime.checkpointPod(uid, { ...options, upstream: true }).finally(() => (dumped = true));
  await until('it is dumped', async () => dumped);
  const done = simulated.outputOf(OUTPUT);
  assert.equal(await newRuntime().recoverDump(uid, options), 'dumped');
  await clock.advance(1_000);
  assert.deepEqual(simulated.outputOf(OUTPUT), done);
  for (const name of readdirSync(kubelet.checkpoints)) rmSync(join(kubelet.checkpoints, name), { recursive: true });
  assert.equal(await newRuntime().recoverDump(uid, options), 'running');
  await clock.advance(1_000);
  assert.ok(simulated.outputOf(OUTPUT).length > done.length);
  assert.deepEqual(await upstreamObjects(), []);
});

for (const [sentence, lack] of Object.entries({
  'a node whose kubelet knows none of it': { hasFeature: false },
  'a dump that takes longer than the kubelet allows': { ceilingSeconds: 0 },
  'a container runtime that runs no hook of CRIU': { hasHook: false },
})) {
  test(`${sentence} is left to the endpoint, and the victim runs on when that fails too`, async () => {
    Object.assign(kubelet, lack);
    await thesis();
    await order();
    await until('it fails', async () => (await condition('Ready'))?.reason === 'CheckpointFailed');
    assert.deepEqual(
      asked.map(({ pod, container }) => [pod, container]),
      [['thesis', 'main']],
    );
    const done = simulated.outputOf(OUTPUT).length;
    await clock.advance(1_000);
    assert.equal(simulated.outputOf(OUTPUT).length, done + 10);
    assert.deepEqual(await upstreamObjects(), []);
    assert.deepEqual(readdirSync(kubelet.checkpoints), []);
    assert.deepEqual(readdirSync(join(root, 'run/fermata/holds')), []);
  });
}

for (const [sentence, spec, reason] of [
  ['a container that is started again', { restartPolicy: 'Always' }, 'Preemption'],
  ['a pod with an emptyDir', { volumes: [{ name: 'results', emptyDir: {} }] }, 'Preemption'],
  ['a pod that is to leave its node', {}, 'Drain'],
] as const) {
  test(`${sentence} is dumped by the endpoint, for the contract would lose something of it`, async () => {
    await thesis(spec as Partial<Pod['spec']>);
    await order({ reason });
    await until('the endpoint is asked', async () => asked.length > 0);
    assert.deepEqual(await upstreamObjects(), []);
    assert.deepEqual(kubelet.dumps, []);
  });
}

test('a kubelet that starts the image instead of restoring is caught, and the state kept for the next try', async () => {
  await thesis();
  const uid = await order();
  const next = await successor(uid);
  kubelet.hasFeature = false;
  await runs(next);
  await until('the restore has failed', async () => (await lastFailure()) !== undefined);
  assert.match((await lastFailure()) ?? '', /does not say that it restored it/);
  assert.equal((await upstreamObjects()).length, 1);
  kubelet.hasFeature = true;
  const again = await successor(next.metadata.uid);
  await runs(again);
  await until('Restored', async () => (await condition('Restored'))?.status === 'True');
});

test('data that is gone from the node is said, and the pod is not started anew', async () => {
  await thesis();
  const uid = await order();
  const next = await successor(uid);
  for (const name of readdirSync(kubelet.checkpoints)) rmSync(join(kubelet.checkpoints, name), { recursive: true });
  const done = simulated.outputOf(OUTPUT);
  await api.store.bind({ ...THESIS, uid: next.metadata.uid }, NODE);
  await until('the restore has failed', async () => (await lastFailure()) !== undefined);
  assert.match((await lastFailure()) ?? '', /CheckpointDataMissing/);
  assert.deepEqual(simulated.outputOf(OUTPUT), done);
});

test('without the right to restore the workload stays suspended, and says why', async () => {
  await thesis();
  api.mayRestore = false;
  await order();
  await until('Released', async () => (await condition('Released'))?.status === 'True');
  await clock.advance(1_000);
  assert.deepEqual((await api.store.list(PODS, { namespace: NAMESPACE })).items, []);
  assert.equal((await upstreamObjects()).length, 1);
});
