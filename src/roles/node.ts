import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, SqliteJournal, StorageDemand, volumeFolder } from '../agent/index.ts';
import { FermataError } from '../model/index.ts';
import { LogServer, measurePressure, SandboxDirectory, SandboxNode, usesStores } from '../sandbox/index.ts';
import { NodeArchives } from './archive.ts';
import { connect, type Running } from './role.ts';
import { podmanServiceOf, runtimeOf } from './runtimes.ts';

/** All nodes of the sandbox in `folder`, each with its agent and its runtime. Pods outlive this process. `version`: of Fermata. */
export async function startNodes(folder: string, version: string): Promise<Running> {
  const directory = new SandboxDirectory(folder);
  const configuration = directory.readConfiguration();
  if (configuration === undefined) {
    throw new FermataError('SandboxNotFound', `there is no sandbox in ${directory.root}`, {
      nextStep: `start one: fermata up --dir ${directory.root}`,
    });
  }
  const parts = await connect('node', { kubeconfig: directory.kubeconfig });
  const podman = podmanServiceOf(parts, directory, configuration);
  await podman?.ready();
  await podman?.ensureImages();
  const { store, allowStores, encryptTo } = configuration;
  const archives = usesStores(configuration)
    ? await NodeArchives.from(parts, { store, allowStores, keys: directory.keys, encryptTo })
    : undefined;
  const demand = new StorageDemand(parts.store, archives);
  const checkpointsOf = (node: string): string => join(directory.node(node), 'checkpoints');
  const names = new Set(configuration.nodes.map(({ name }) => name));
  const nodes = new Map<string, SandboxNode>();
  const stops: (() => Promise<void>)[] = [];
  for (const { name, cpu, memory, pods } of configuration.nodes) {
    for (const own of ['checkpoints', 'pods'])
      mkdirSync(join(directory.node(name), own), { recursive: true, mode: 0o700 });
    const runtime = runtimeOf(parts, directory, configuration, name);
    const journal = new SqliteJournal(join(directory.node(name), 'journal.db'));
    const agent = new Agent(
      { ...parts, runtime, journal, archives, demand },
      {
        nodeName: name,
        directory: checkpointsOf(name),
        volumeFolder: (podUid, volume) => volumeFolder(join(directory.node(name), 'pods'), podUid, volume),
        peers: (other) => (names.has(other) ? checkpointsOf(other) : undefined),
        localCopies: { wipe: configuration.localCopies === 'wipe' },
      },
    );
    const node = new SandboxNode(
      { ...parts, runtime, checkpoints: agent, pressure: () => measurePressure(directory.root) },
      { name, directory: directory.node(name), capacity: { cpu, memory, pods }, version },
    );
    agent.start();
    node.start();
    nodes.set(name, node);
    stops.push(async () => {
      await node.stop();
      await agent.stop();
      await runtime.stop();
      journal.close();
    });
  }
  const logs = new LogServer({ nodes, clock: parts.clock, log: parts.log }, { socketPath: directory.nodeSocket });
  await logs.start();
  return {
    stop: async () => {
      await logs.stop();
      await Promise.all(stops.map((stop) => stop()));
      await archives?.close();
      await parts.store.close();
    },
  };
}
