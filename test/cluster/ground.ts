import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type HttpStore, isApiError } from '../../src/kubernetes/index.ts';
import {
  conditionOf,
  type Draft,
  isConditionTrue,
  JOBS,
  type KubeObject,
  NODES,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  type ResourceType,
  STATEFUL_SETS,
} from '../../src/model/index.ts';

const WAIT_MILLISECONDS = 180_000;
const POLL_MILLISECONDS = 200;

/** What a test on real nodes sees of the cluster, and does to it. */
export interface Ground {
  store: HttpStore;
  namespace: string;
  /** Of the nodes; the first is where victims are put first. */
  nodes: string[];
  /** Creates a pod that Fermata's scheduler places. */
  pod(name: string, options: PodOptions): Promise<Pod>;
  get(name: string): Promise<Pod | undefined>;
  checkpoints(): Promise<PodCheckpoint[]>;
  /** Resolves with one whose `Ready` has that reason. */
  ready(reason: 'CheckpointInProgress' | 'CheckpointCompleted' | 'CheckpointFailed'): Promise<PodCheckpoint>;
  until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T>;
  /** UID and node of the pod once its containers run. */
  running(name: string, not?: string): Promise<{ uid: string; node: string }>;
  /** What the pod has written to its file so far. */
  output(name: string): Promise<string>;
  /** The numbers of its lines. */
  steps(name: string): Promise<number[]>;
  /** Makes an empty file in the `/data` of the pod. */
  touch(name: string, file: string): Promise<void>;
  cordon(node: string, unschedulable: boolean): Promise<void>;
  /** Creates a Job or StatefulSet with one such pod at a time. */
  controlled(type: ResourceType<KubeObject>, name: string, options: PodOptions): Promise<KubeObject>;
  /** The pod of that controller that is not on its way out, by its label `app`. */
  podOf(controller: string): Promise<Pod | undefined>;
}

export interface PodOptions {
  priority: 'low' | 'high';
  cpu: string;
  node?: string;
  command?: string[];
  restartPolicy?: string;
  labels?: Record<string, string>;
  emptyDir?: boolean;
  containers?: number;
}

export function groundOf(facts: {
  store: HttpStore;
  namespace: string;
  nodes: string[];
  image: string;
  /** The same here and on all nodes. */
  folder: string;
}): Ground {
  const { store, namespace, nodes, image, folder } = facts;
  const get = async (name: string): Promise<Pod | undefined> => {
    try {
      return await store.get(PODS, { namespace, name });
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  };
  const checkpoints = async () => (await store.list(POD_CHECKPOINTS, { namespace })).items;
  const until: Ground['until'] = async (what, look) => {
    const deadline = performance.now() + WAIT_MILLISECONDS;
    for (;;) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      if (performance.now() > deadline) assert.fail(`it never came to be: ${what}\n${await picture(store, namespace)}`);
      await pause(POLL_MILLISECONDS);
    }
  };
  const output = (name: string): Promise<string> =>
    readFile(join(folder, name, 'steps'), 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    });
  const draft = async (name: string, options: PodOptions): Promise<Draft<Pod>> => {
    await mkdir(join(folder, name), { recursive: true });
    return draftOf(name, options, { namespace, image, folder: join(folder, name) });
  };
  return {
    store,
    namespace,
    nodes,
    get,
    checkpoints,
    until,
    output,
    ready: (reason) =>
      until(`a checkpoint is ${reason}`, async () =>
        (await checkpoints()).find(({ status }) => conditionOf(status?.conditions, 'Ready')?.reason === reason),
      ),
    pod: async (name, options) => store.create(PODS, await draft(name, options)),
    controlled: async (type, name, options) => {
      const app = { app: name };
      const template = { metadata: { labels: app }, spec: (await draft(name, options)).spec };
      const spec =
        type.kind === 'Job'
          ? { template, backoffLimit: 0 }
          : { template, replicas: 1, serviceName: name, selector: { matchLabels: app } };
      return store.create(type, { metadata: { namespace, name }, spec } as Draft<KubeObject>);
    },
    podOf: async (controller) => {
      const { items } = await store.list(PODS, { namespace, labelSelector: `app=${controller}` });
      return items.find(({ metadata }) => metadata.deletionTimestamp === undefined);
    },
    running: (name, not) =>
      until(`pod ${name} runs`, async () => {
        const pod = await get(name);
        const statuses = pod?.status?.containerStatuses ?? [];
        const runs = statuses.length > 0 && statuses.every(({ state }) => state?.running !== undefined);
        if (pod === undefined || !runs || pod.metadata.uid === not || pod.metadata.deletionTimestamp !== undefined)
          return;
        return { uid: pod.metadata.uid, node: pod.spec.nodeName ?? '' };
      }),
    steps: async (name) => [...(await output(name)).matchAll(/^n=(\d+) .*$/gm)].map(([, number]) => Number(number)),
    touch: (name, file) => writeFile(join(folder, name, file), ''),
    cordon: async (node, unschedulable) => {
      await store.patch(NODES, { name: node }, { spec: { unschedulable } });
    },
  };
}

function draftOf(
  name: string,
  options: PodOptions,
  { namespace, image, folder }: { namespace: string; image: string; folder: string },
): Draft<Pod> {
  const { priority, cpu, node, command, restartPolicy = 'Always', labels = {}, containers = 1 } = options;
  const names = Array.from({ length: containers }, (_, index) => (index === 0 ? 'main' : `side-${index}`));
  return {
    metadata: { namespace, name, labels },
    spec: {
      schedulerName: namespace,
      priorityClassName: `${namespace}-${priority}`,
      restartPolicy,
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }),
      containers: names.map((container) => ({
        name: container,
        image,
        command: command ?? ['sh', '-c', `exec /counter 8 >/data/${container === 'main' ? 'steps' : container}`],
        resources: { requests: { cpu } },
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          ...(options.emptyDir === true ? [{ name: 'scratch', mountPath: '/scratch' }] : []),
        ],
      })),
      volumes: [
        { name: 'data', hostPath: { path: folder } },
        ...(options.emptyDir === true ? [{ name: 'scratch', emptyDir: {} }] : []),
      ],
    },
  };
}

/** Pods, then checkpoints while the agents are there to remove their data. */
export async function removeAll({ store, namespace, until, checkpoints }: Ground): Promise<void> {
  const pods = async () => (await store.list(PODS, { namespace })).items;
  for (const type of [JOBS, STATEFUL_SETS]) {
    for (const { metadata } of (await store.list(type, { namespace })).items) await store.delete(type, metadata);
  }
  await until('all pods are gone', async () => {
    const left = await pods();
    for (const { metadata } of left) {
      if (metadata.deletionTimestamp !== undefined) continue;
      await store.delete(PODS, metadata, { uid: metadata.uid, gracePeriodSeconds: 1 }).catch((error: unknown) => {
        if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
      });
    }
    return left.length === 0;
  });
  for (const { metadata } of await checkpoints()) await store.delete(POD_CHECKPOINTS, metadata);
  await until('all checkpoints are gone', async () => (await checkpoints()).length === 0);
}

/** For a test that fails. */
async function picture(store: HttpStore, namespace: string): Promise<string> {
  const pods = (await store.list(PODS, { namespace })).items.map(
    ({ metadata, spec, status }) => `${metadata.name} ${metadata.uid} on ${spec.nodeName}: ${JSON.stringify(status)}`,
  );
  const checkpoints = (await store.list(POD_CHECKPOINTS, { namespace })).items.map(
    ({ metadata, status }) => `${metadata.name}: ${JSON.stringify(status?.conditions)}`,
  );
  return [...pods, ...checkpoints].join('\n');
}

export function isReleased(checkpoint: PodCheckpoint): boolean {
  return isConditionTrue(checkpoint.status?.conditions, 'Released');
}
