import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { serverAbilities, webhookConfiguration } from '../../src/deployment/index.ts';
import { customResourceDefinitions, type HttpStore, isApiError } from '../../src/kubernetes/index.ts';
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type Draft,
  isConditionTrue,
  JOBS,
  type KubeObject,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  NAMESPACES,
  NODES,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  PRIORITY_CLASSES,
  type ResourceType,
  STATEFUL_SETS,
} from '../../src/model/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';
import { withNamespace } from './cluster.ts';
import { startImageFront } from './image-front.ts';

/** What tests need to know of nodes on this machine; whoever brings them up says so in FERMATA_TEST_NODES, as JSON. */
interface NodesHere {
  /** By name: where the node's `/` is seen from here. */
  roots: Record<string, string>;
  /** Kubelets that are asked directly, by node: flags of `fermata agent`. The others are asked through the API server. */
  kubelets?: Record<string, string[]>;
  /** Program that ends the kubelet of a node at once and starts it again: it is given the node's name. */
  restart?: string;
  /** Image with `sh`, `/bin/busybox`, and `/counter MIB`, which counts in memory and prints `n=1`, `n=2`, then every fifth. */
  image: string;
  /** Folder that is the same here and on all nodes. */
  shared: string;
}

export const NODES_HERE: NodesHere | undefined =
  process.env.FERMATA_TEST_NODES === undefined ? undefined : (JSON.parse(process.env.FERMATA_TEST_NODES) as NodesHere);
export const WHY_SKIPPED = 'the file systems of the nodes are not reachable from here (FERMATA_TEST_NODES)';

const WAIT_MILLISECONDS = 180_000;
const POLL_MILLISECONDS = 200;

export interface Ground {
  store: HttpStore;
  namespace: string;
  /** Of the nodes; the first is where victims are put first. */
  nodes: string[];
  /** Creates a pod that Fermata's scheduler places. */
  pod(name: string, options: PodOptions): Promise<Pod>;
  get(name: string): Promise<Pod | undefined>;
  checkpoints(): Promise<PodCheckpoint[]>;
  until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T>;
  /** UID and node of the pod once its containers run. */
  running(name: string, not?: string): Promise<{ uid: string; node: string }>;
  /** Lines that the pod has written to its file so far. */
  steps(name: string): Promise<number[]>;
  /** Ends the agent of the node at once, and starts it again. */
  killAgent(node: string): Promise<void>;
  /** Ends the kubelet of the node at once, and starts it again. */
  restartKubelet(node: string): Promise<void>;
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

/** Scheduler, controller and an agent a node, started as an operator starts them, on the cluster that KUBECONFIG names. */
export async function withFermata(use: (ground: Ground) => Promise<void>): Promise<void> {
  const here = NODES_HERE;
  assert.ok(here, WHY_SKIPPED);
  const nodes = Object.keys(here.roots);
  await withNamespace(async (store, namespace) => {
    const logs = await mkdtemp(join(tmpdir(), 'fermata-cluster-'));
    const shared = await mkdtemp(join(here.shared, 'fermata-'));
    await prepare(store, namespace);
    const ports = await freePorts(nodes.length);
    const front = await startImageFront(ports);
    const processes = new Map<string, ChildProcess>();
    const start = (name: string, args: readonly string[]): void => {
      const output = openSync(join(logs, `${name}.log`), 'a');
      processes.set(
        name,
        spawn(OWN_COMMAND.command, [...OWN_COMMAND.arguments, ...args], { stdio: ['ignore', output, output] }),
      );
      closeSync(output);
    };
    const startAgent = (node: string): void => {
      const port = ports[nodes.indexOf(node)] ?? 0;
      const flags = [
        '--node-name',
        node,
        '--host-root',
        here.roots[node] ?? '/',
        '--directory',
        join(shared, 'agents'),
      ];
      start(node, [
        'agent',
        ...flags,
        ...(here.kubelets?.[node] ?? []),
        '--restore-port',
        `${port}`,
        '--restore-registry',
        `127.0.0.1:${front.port}`,
      ]);
    };
    const election = ['--leader-elect-resource-namespace', namespace];
    const removeWebhook = await startWebhook(store, namespace, (args) => start('webhook', args));
    start('scheduler', ['scheduler', '--scheduler-name', namespace, ...election]);
    start('controller', ['controller', ...election]);
    for (const node of nodes) startAgent(node);
    const stop = async (name: string, signal: NodeJS.Signals): Promise<unknown> => {
      const child = processes.get(name);
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode;
      const ended = once(child, 'exit');
      child.kill(signal);
      return (await ended)[0];
    };
    const ground = groundOf({ store, namespace, nodes, here, shared }, async (node) => {
      await stop(node, 'SIGKILL');
      startAgent(node);
    });
    try {
      await use(ground);
    } catch (error) {
      for (const name of processes.keys()) process.stderr.write(`${name}: ${lastLines(join(logs, `${name}.log`))}\n`);
      throw error;
    } finally {
      for (const node of nodes) await ground.cordon(node, false);
      await removeAll(ground);
      await removeWebhook();
      const statuses = await Promise.all(
        [...processes.keys()].map(async (name) => [name, await stop(name, 'SIGTERM')]),
      );
      await front.stop();
      await rm(shared, { recursive: true });
      await rm(logs, { recursive: true });
      for (const type of ['low', 'high']) await store.delete(PRIORITY_CLASSES, { name: `${namespace}-${type}` });
      assert.deepEqual(
        statuses.filter(([, status]) => status !== 0),
        [],
        'every part ends in peace when it is told to',
      );
    }
  });
}

/** For this namespace alone, reached on this machine. What it gives undoes it. */
async function startWebhook(
  store: HttpStore,
  namespace: string,
  start: (args: readonly string[]) => void,
): Promise<() => Promise<void>> {
  await store.patch(NAMESPACES, { name: namespace }, { metadata: { labels: { 'fermata.dev/test': namespace } } });
  const [port = 0] = await freePorts(1);
  const { matchConditions } = await serverAbilities(store);
  const configuration = webhookConfiguration({
    client: { url: `https://127.0.0.1:${port}/pods` },
    knowsMatchConditions: matchConditions,
    name: namespace,
  });
  const own = { key: 'fermata.dev/test', operator: 'In', values: [namespace] };
  const webhooks = (configuration.webhooks as { namespaceSelector: { matchExpressions?: object[] } }[]).map(
    (webhook) => ({
      ...webhook,
      namespaceSelector: { matchExpressions: [...(webhook.namespaceSelector.matchExpressions ?? []), own] },
    }),
  );
  await store.create(MUTATING_WEBHOOK_CONFIGURATIONS, { metadata: { name: namespace }, webhooks } as Draft<KubeObject>);
  const names = ['--configuration-name', namespace, '--server-name', '127.0.0.1', '--scheduler-name', namespace];
  start(['webhook', '--port', `${port}`, '-n', namespace, ...names]);
  return async () => {
    await store.delete(MUTATING_WEBHOOK_CONFIGURATIONS, { name: namespace });
  };
}

async function prepare(store: HttpStore, namespace: string): Promise<void> {
  for (const definition of customResourceDefinitions()) {
    try {
      await store.create(CUSTOM_RESOURCE_DEFINITIONS, definition);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }
  const classOf = (name: string, value: number, annotations: Record<string, string>) =>
    store.create(PRIORITY_CLASSES, { metadata: { name: `${namespace}-${name}`, annotations }, value });
  await classOf('low', 10, {});
  await classOf('high', 1_000, { 'fermata.dev/preemption-policy': 'CheckpointLowerPriority' });
}

function groundOf(
  facts: { store: HttpStore; namespace: string; nodes: string[]; here: NodesHere; shared: string },
  killAgent: (node: string) => Promise<void>,
): Ground {
  const { store, namespace, nodes, here, shared } = facts;
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
  return {
    store,
    namespace,
    nodes,
    get,
    checkpoints,
    until,
    killAgent,
    pod: async (name, options) => {
      await mkdir(join(shared, name), { recursive: true });
      return store.create(PODS, draftOf(name, options, { namespace, image: here.image, folder: join(shared, name) }));
    },
    restartKubelet: async (node) => {
      assert.ok(here.restart, 'nobody says how a kubelet is started again');
      // What is started is none of this run's processes.
      const { FERMATA_TEST_RUN: _, ...env } = process.env;
      const [status] = await once(spawn(here.restart, [node], { env, stdio: 'inherit' }), 'exit');
      assert.equal(status, 0);
    },
    controlled: async (type, name, options) => {
      await mkdir(join(shared, name), { recursive: true });
      const app = { app: name };
      const draft = draftOf(name, options, { namespace, image: here.image, folder: join(shared, name) });
      const template = { metadata: { labels: app }, spec: draft.spec };
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
    steps: async (name) => {
      const text = await readFile(join(shared, name, 'steps'), 'utf8').catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
        throw error;
      });
      return [...text.matchAll(/^n=(\d+) .*$/gm)].map(([, number]) => Number(number));
    },
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
async function removeAll({ store, namespace, until, checkpoints }: Ground): Promise<void> {
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

function lastLines(path: string): string {
  return readFileSync(path, 'utf8').split('\n').slice(-8).join('\n');
}

export function isReleased(checkpoint: PodCheckpoint): boolean {
  return isConditionTrue(checkpoint.status?.conditions, 'Released');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object' && address !== null) ports.push(address.port);
  }
  for (const server of servers) server.close();
  return ports;
}
