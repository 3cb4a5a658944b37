import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverAbilities, webhookConfiguration } from '../../src/deployment/index.ts';
import type { HttpStore } from '../../src/kubernetes/index.ts';
import {
  type Draft,
  type KubeObject,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  NAMESPACES,
  PRIORITY_CLASSES,
} from '../../src/model/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';
import { define, withNamespace } from './cluster.ts';
import { type Ground, groundOf, removeAll } from './ground.ts';
import { startImageFront } from './image-front.ts';

/** What tests need to know of nodes on this machine; whoever brings them up says so in FERMATA_TEST_NODES, as JSON. */
interface NodesHere {
  /** By name: where the node's `/` is seen from here. */
  roots: Record<string, string>;
  /** Kubelets that are asked directly, by node: flags of `fermata agent`. The others are asked through the API server. */
  kubelets?: Record<string, string[]>;
  /**
   * Program that ends a part of the cluster by a signal and starts it again. It is given the part (`apiserver`,
   * `kubelet-NODE`, `containerd-NODE`) and the signal's name (`KILL`, `TERM`).
   */
  restart?: string;
  /** Program that moves a counting container by hand, as an operator would: given its name, two nodes, and its MiB. */
  byHand?: string;
  /** Image with `sh`, `/bin/busybox`, and `/counter MIB`, which counts in memory and prints `n=1`, `n=2`, then every fifth. */
  image: string;
  /** Folder that is the same here and on all nodes. */
  shared: string;
}

export const NODES_HERE: NodesHere | undefined =
  process.env.FERMATA_TEST_NODES === undefined ? undefined : (JSON.parse(process.env.FERMATA_TEST_NODES) as NodesHere);
export const WHY_SKIPPED = 'the file systems of the nodes are not reachable from here (FERMATA_TEST_NODES)';
/** For tests of {@link Installed.restart}. */
export const WHY_NOT_RESTARTED =
  NODES_HERE !== undefined && NODES_HERE.restart === undefined ? 'nobody says how to start it again' : WHY_SKIPPED;

/** Fermata as processes, besides what a test sees of the cluster. */
export interface Installed extends Ground {
  /** By name: `scheduler`, `controller`, `webhook`, and the agents by their nodes. */
  pids(): ReadonlyMap<string, number>;
  /** Starts one more of that role. */
  second(role: 'scheduler' | 'controller'): void;
  /** Ends the process at once, and does not start it again. */
  kill(name: string): Promise<void>;
  /** Ends the agent of the node at once, and starts it again. */
  killAgent(node: string): Promise<void>;
  /** {@link NodesHere.restart} */
  restart(part: string, signal: 'KILL' | 'TERM'): Promise<void>;
}

/** Scheduler, controller, webhook and an agent a node, started as an operator starts them, on the cluster that KUBECONFIG names. */
export async function withFermata(
  use: (ground: Installed) => Promise<void>,
  /** Flags of scheduler and controller. */
  electionFlags: readonly string[] = [],
): Promise<void> {
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
      const flags = ['--node-name', node, '--host-root', here.roots[node] ?? '/'];
      const images = ['--restore-port', `${port}`, '--restore-registry', `127.0.0.1:${front.port}`];
      const kubelet = here.kubelets?.[node] ?? [];
      start(node, ['agent', ...flags, '--directory', join(shared, 'agents'), ...kubelet, ...images]);
    };
    const election = ['--leader-elect-resource-namespace', namespace, ...electionFlags];
    const led = {
      scheduler: ['scheduler', '--scheduler-name', namespace, ...election],
      controller: ['controller', ...election],
    };
    const removeWebhook = await startWebhook(store, namespace, (args) => start('webhook', args));
    for (const [role, args] of Object.entries(led)) start(role, args);
    for (const node of nodes) startAgent(node);
    const stop = async (name: string, signal: NodeJS.Signals): Promise<unknown> => {
      const child = processes.get(name);
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode;
      const ended = once(child, 'exit');
      child.kill(signal);
      return (await ended)[0];
    };
    const kill = async (name: string): Promise<void> => {
      await stop(name, 'SIGKILL');
      processes.delete(name);
    };
    const ground: Installed = {
      ...groundOf({ store, namespace, nodes, image: here.image, folder: shared }),
      pids: () => new Map([...processes].map(([name, { pid = 0 }]) => [name, pid])),
      second: (role) => start(`second-${role}`, led[role]),
      kill,
      killAgent: async (node) => {
        await kill(node);
        startAgent(node);
      },
      restart: async (part, signal) => {
        assert.ok(here.restart, WHY_NOT_RESTARTED);
        // What is started is none of this run's processes.
        const { FERMATA_TEST_RUN: _, ...env } = process.env;
        const [status] = await once(spawn(here.restart, [part, signal], { env, stdio: 'inherit' }), 'exit');
        assert.equal(status, 0);
      },
    };
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
  await define(store);
  const classOf = (name: string, value: number, annotations: Record<string, string>) =>
    store.create(PRIORITY_CLASSES, { metadata: { name: `${namespace}-${name}`, annotations }, value });
  await classOf('low', 10, {});
  await classOf('high', 1_000, { 'fermata.dev/preemption-policy': 'CheckpointLowerPriority' });
}

function lastLines(path: string): string {
  return readFileSync(path, 'utf8').split('\n').slice(-8).join('\n');
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
