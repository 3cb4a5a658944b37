import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom, VirtualClock } from '../clock/index.ts';
import { isApiError, MemoryBacking, modelKinds, Registry } from '../kubernetes/index.ts';
import { uncheckedKind } from '../kubernetes/testing.ts';
import { type Condition, conditionOf, isConditionTrue, NODES, PODS, type Pod } from '../model/index.ts';
import { BATCH_JOBS, type Job } from './job.ts';
import { isConnector } from './marks.ts';
import { isWithoutRoom, keptPods, overflowStep } from './overflow.ts';
import { placeJob } from './place-job.ts';
import { markJob, releasePod } from './release-pod.ts';
import { reviewOverflowPod } from './review-pod.ts';

const SETTINGS = { image: 'fermata:1', host: 'login', secret: 'hpc-ssh' };
const AFTER = 60_000;
const KEY = { namespace: 'default', name: 'simulation' };

/**
 * A cluster with one Job that may overflow: Kubernetes' Job controller, scheduler and kubelet as they act on what they see, the
 * webhook as the API server asks it, and the overflow controller on views as stale as it may come to have them.
 */
class Cluster {
  readonly clock = new VirtualClock();
  readonly store: Registry;
  #pods = 0;
  #request = 0;
  #view: { job: Job; pods: Pod[] } | undefined;
  /** UIDs of pods in which the program ran here, or at the site. */
  readonly ranHere = new Set<string>();
  readonly ranThere = new Set<string>();
  failures = 0;

  constructor() {
    const kinds = [...modelKinds().list(), uncheckedKind(BATCH_JOBS)];
    const parts = { backing: new MemoryBacking(), clock: this.clock, random: seededRandom(1) };
    this.store = new Registry({ ...parts, kinds: { list: () => kinds } });
  }

  async start(): Promise<void> {
    const metadata = { ...KEY, labels: { 'fermata.dev/hpc': 'overflow' } };
    const spec = { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i', command: ['c'] }] };
    const draft = { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { template: { spec } } };
    const placement = placeJob(draft as unknown as Job, [], SETTINGS);
    assert.ok(placement.kind === 'MayOverflow');
    await this.store.create(NODES, { metadata: { name: 'n' } });
    await this.store.create(BATCH_JOBS, { metadata, spec: placement.spec });
  }

  job(): Promise<Job> {
    return this.store.get(BATCH_JOBS, KEY);
  }

  async pods(): Promise<Pod[]> {
    return (await this.store.list(PODS)).items;
  }

  /** The Job controller: one pod at a time, until one has succeeded; one that is deleted counts unless its policy ignores it. */
  async makePod(): Promise<void> {
    const pods = await this.pods();
    if (pods.some(({ status }) => status?.phase !== 'Failed')) return;
    const job = await this.job();
    const { uid } = job.metadata;
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: KEY.name, uid, controller: true };
    const { metadata, spec } = job.spec.template;
    const object = { metadata: { ...metadata, ownerReferences: [owner] }, spec };
    const answer = await reviewOverflowPod(
      { settings: SETTINGS, job: () => this.job() },
      {
        uid: `r${this.#request++}`,
        operation: 'CREATE',
        namespace: KEY.namespace,
        name: '',
        object,
        dryRun: false,
        userInfo: { username: 'system:serviceaccount:kube-system:job-controller', groups: [] },
      },
    );
    assert.ok(answer.allowed);
    const name = `pod-${this.#pods++}`;
    const patched = { ...object.metadata, namespace: KEY.namespace, name };
    let into = spec;
    for (const { path, value } of answer.patch ?? []) {
      if (path === '/spec') into = value as typeof spec;
      else patched.annotations = value as Record<string, string>;
    }
    if (into === undefined) assert.fail('a pod has a spec');
    await this.store.create(PODS, { metadata: patched, spec: into as Pod['spec'] });
  }

  async unbound(): Promise<Pod | undefined> {
    return (await this.pods()).find(({ spec }) => spec.nodeName === undefined);
  }

  /** The scheduler says that there is no room; a connector is small and always finds some. */
  async reject(): Promise<void> {
    const pod = await this.unbound();
    if (pod === undefined || isConnector(pod)) return;
    await this.#setStatus(pod, { type: 'PodScheduled', status: 'False', reason: 'Unschedulable' });
  }

  async bind(): Promise<void> {
    const pod = await this.unbound();
    if (pod === undefined) return;
    const { name, namespace, uid } = pod.metadata;
    await this.store.bind({ name, namespace, uid }, 'n');
  }

  /** The kubelet starts what is bound; later it ends. */
  async run(ends: 'Succeeded' | 'Failed' | undefined): Promise<void> {
    const pod = (await this.pods()).find(
      ({ spec, status }) => spec.nodeName !== undefined && status?.phase !== 'Failed',
    );
    if (pod === undefined) return;
    (isConnector(pod) ? this.ranThere : this.ranHere).add(pod.metadata.uid);
    if (ends === undefined || pod.status?.phase === 'Succeeded') return;
    if (ends === 'Failed') this.failures++;
    const { name, namespace } = pod.metadata;
    await this.store.patch(PODS, { name, namespace }, { status: { phase: ends } }, { subresource: 'status' });
  }

  async look(): Promise<void> {
    this.#view = { job: await this.job(), pods: await this.pods() };
  }

  /** The overflow controller, on what it last saw. */
  async act(): Promise<void> {
    if (this.#view === undefined) return;
    const now = this.clock.now();
    const step = overflowStep(this.#view.job, this.#view.pods, now, AFTER);
    if (step.kind === 'Mark') await markJob(this.store, this.#view.job, now);
    if (step.kind !== 'Release') return;
    for (const pod of step.pods) {
      await releasePod(this.store, pod, now).catch((error: unknown) => {
        if (!isApiError(error, 'Conflict', 'NotFound')) throw error;
      });
    }
  }

  async #setStatus({ metadata: { name, namespace } }: Pod, condition: Condition): Promise<void> {
    await this.store.patch(
      PODS,
      { name, namespace },
      { status: { conditions: [condition] } },
      { subresource: 'status' },
    );
  }
}

const STEPS = {
  makePod: (cluster: Cluster) => cluster.makePod(),
  reject: (cluster: Cluster) => cluster.reject(),
  bind: (cluster: Cluster) => cluster.bind(),
  start: (cluster: Cluster) => cluster.run(undefined),
  fail: (cluster: Cluster) => cluster.run('Failed'),
  succeed: (cluster: Cluster) => cluster.run('Succeeded'),
  look: (cluster: Cluster) => cluster.look(),
  act: (cluster: Cluster) => cluster.act(),
  wait: (cluster: Cluster) => cluster.clock.advance(AFTER / 2),
} satisfies Record<string, (cluster: Cluster) => Promise<void>>;
type Step = keyof typeof STEPS;

test('a Job that overflows runs in one place at a time, loses nothing that ran, and never counts a pod that made way', async () => {
  let overflowed = 0;
  const often: Step[] = ['makePod', 'reject', 'wait', 'look', 'act'];
  const any = fc.constantFrom(...(Object.keys(STEPS) as Step[]));
  const step = fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...often) }, { weight: 1, arbitrary: any });
  const steps = fc.array(step, { minLength: 20, maxLength: 80, size: 'max' });
  await fc.assert(
    fc.asyncProperty(steps, async (chosen) => {
      const cluster = new Cluster();
      await cluster.start();
      for (const next of chosen) {
        const before = await cluster.pods();
        await STEPS[next](cluster);
        const after = await cluster.pods();
        const stays = (pod: Pod): boolean =>
          after.some(({ metadata: { uid, deletionTimestamp } }) => uid === pod.metadata.uid && !deletionTimestamp);
        const gone = before.filter((pod) => !stays(pod));
        for (const pod of gone) {
          assert.ok(
            !cluster.ranHere.has(pod.metadata.uid) && !cluster.ranThere.has(pod.metadata.uid),
            'it had not run',
          );
          assert.equal(pod.spec.nodeName, undefined);
        }
        // Tries follow each other: each place it ran in but the last has failed by itself.
        assert.ok(cluster.ranHere.size + cluster.ranThere.size <= cluster.failures + 1);
      }
      if (cluster.ranThere.size > 0) overflowed++;
      cluster.store.close();
    }),
    { seed: 7, numRuns: 200 },
  );
  assert.ok(overflowed > 5, `the property is about something: ${overflowed}`);
});

test('a pod that finds no room goes out when its time has come, and not before', async () => {
  const cluster = new Cluster();
  await cluster.start();
  const after = async (...names: Step[]): Promise<void> => {
    for (const name of names) await STEPS[name](cluster);
  };
  await after('makePod', 'reject', 'wait', 'look', 'act', 'look', 'act');
  assert.deepEqual((await cluster.pods()).map(isConnector), [false]);
  await after('wait', 'look', 'act');
  const waiting = (await cluster.pods())[0];
  assert.equal(waiting?.metadata.name, 'pod-0', 'first the Job is marked');
  await after('look', 'act');
  assert.deepEqual(await cluster.pods(), []);
  await after('makePod', 'bind', 'start');
  assert.deepEqual((await cluster.pods()).map(isConnector), [true]);
  assert.equal(cluster.ranHere.size, 0);
  cluster.store.close();
});

test('a pod is disrupted before it is deleted, so that its Job does not count it', async () => {
  const cluster = new Cluster();
  await cluster.start();
  await cluster.makePod();
  const { resourceVersion } = await cluster.store.list(PODS);
  const [pod] = await cluster.pods();
  if (pod === undefined) assert.fail('there is a pod');
  await releasePod(cluster.store, pod, cluster.clock.now());
  const events: Pod[] = [];
  for await (const event of cluster.store.watch(PODS, { resourceVersion })) {
    if (event.type !== 'BOOKMARK') events.push(event.object);
    if (event.type === 'DELETED') break;
  }
  assert.ok(
    events.length >= 2 && events.every(({ status }) => isConditionTrue(status?.conditions, 'DisruptionTarget')),
  );
  cluster.store.close();
});

const pending: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { containers: [{ name: 'c' }] },
  status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }] },
};
const ELSEWHERE: [string, Pod][] = [
  [
    'a gate holds back',
    { ...pending, status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] } },
  ],
  ['nobody has tried to schedule', { ...pending, status: {} }],
  ['room is being made for', { ...pending, status: { ...pending.status, nominatedNodeName: 'n' } }],
  [
    'cannot be a connector',
    { ...pending, metadata: { ...pending.metadata, annotations: { 'fermata.dev/hpc-stays': 'why' } } },
  ],
  ['is being deleted', { ...pending, metadata: { ...pending.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }],
];
test('only a pod that the scheduler found no room for makes way', () => {
  assert.equal(isWithoutRoom(pending), true);
  for (const [what, pod] of ELSEWHERE) assert.equal(isWithoutRoom(pod), false, `one that ${what} does not`);
  assert.equal(conditionOf(pending.status?.conditions, 'PodScheduled')?.status, 'False');
});

test('a pod that goes on from a checkpoint stays, and it is said why', async () => {
  const cluster = new Cluster();
  await cluster.start();
  const job = await cluster.job();
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'simulation', uid: job.metadata.uid, controller: true };
  const annotations = { 'fermata.dev/restore-from': 'ckpt-1' };
  const restored = { ...pending, metadata: { ...pending.metadata, ownerReferences: [owner], annotations } };
  const late = Date.parse(pending.metadata.creationTimestamp) + AFTER;
  assert.deepEqual(overflowStep(job, [restored], late, AFTER), { kind: 'Wait' });
  assert.deepEqual(overflowStep(job, [restored], late - 1, AFTER), { kind: 'Wait', at: late });
  assert.deepEqual(keptPods(job, [restored], late - 1, AFTER), []);
  assert.match(keptPods(job, [restored], late, AFTER)[0]?.reason ?? '', /ckpt-1 is that of a container/);
  cluster.store.close();
});
