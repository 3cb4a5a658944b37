import { mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  Agent,
  imageReference,
  KubeletRestores,
  SqliteJournal,
  StorageDemand,
  UpstreamRestores,
} from '../agent/index.ts';
import type { WaterMarks } from '../checkpoint/index.ts';
import { SystemClock } from '../clock/index.ts';
import { type ClusterAccess, KubeletCheckpoints, loadKubeconfig, UpstreamCheckpoints } from '../kubernetes/index.ts';
import { FermataError, PODS, reasonOf } from '../model/index.ts';
import { KubeletRuntime } from '../runtime/index.ts';
import { agentMetrics } from './agent-metrics.ts';
import { NodeArchives } from './archive.ts';
import { mustBeInMemory } from './images-in-memory.ts';
import { type ClusterOptions, connect, type Running } from './role.ts';

/** Where the restored images' registry listens unless told otherwise; beside the kubelet's own ports. */
export const DEFAULT_RESTORE_PORT = 10270;

export interface AgentRoleOptions extends ClusterOptions {
  /** Default: $NODE_NAME, else the machine's name. */
  nodeName?: string;
  /** Where this process sees the node's `/`. Default `/`. */
  hostRoot?: string;
  /** On the node: journal, and below it `checkpoints/<node>`. Default `/var/lib/fermata`. */
  directory?: string;
  /** Port of the loopback address. Default {@link DEFAULT_RESTORE_PORT}. */
  restorePort?: number;
  /** `host:port` by which each node's container runtime reaches that; the same on all nodes. Default `127.0.0.1:<restorePort>`. */
  restoreRegistry?: string;
  /** Where checkpoints are copied to unless a policy says otherwise; default: they stay on the node. Needs `keys`. */
  store?: string;
  /** Further stores that policies may name. Needs `keys`. */
  allowStore?: readonly string[];
  /** Folder made by `fermata keys create`, the same on all nodes. */
  keys?: string;
  /** Files that name recipients; default: what is stored is encrypted only where a policy names some. */
  encryptTo?: readonly string[];
  /** `wipe`: data leaves the node as soon as a store has it and no restore reads it. Needs `keys`. Default: keep. */
  localCopies?: 'keep' | 'wipe';
  /** Of the disk of the checkpoints: above `high` what a store has goes from it, the oldest first, until `low`. Needs `keys`. */
  waterMarks?: WaterMarks;
  /** Refuse to run unless the folder of the checkpoints is in memory. */
  imagesInMemory?: boolean;
  /** Asks the kubelet itself; default: through the API server. */
  kubeletUrl?: string;
  kubeletCa?: string;
  kubeletClientCertificate?: string;
  kubeletClientKey?: string;
  kubeletTokenFile?: string;
}

/** The agent of one node that a kubelet runs. Needs root, the node's PID namespace and file system. */
export async function startAgent(options: AgentRoleOptions): Promise<Running> {
  const { hostRoot = '/', directory = '/var/lib/fermata', restorePort = DEFAULT_RESTORE_PORT } = options;
  const registry = options.restoreRegistry ?? `127.0.0.1:${restorePort}`;
  const nodeName = options.nodeName ?? process.env.NODE_NAME ?? hostname();
  const { store, allowStore: allowStores, keys, encryptTo } = options;
  const clock = new SystemClock();
  const archives =
    keys === undefined ? undefined : await NodeArchives.from({ clock }, { store, allowStores, keys, encryptTo });
  const { vitals, ...parts } = await connect('agent', options);
  const kubelet = await kubeletOf(nodeName, options);
  const pods = async (signal?: AbortSignal) =>
    (await parts.store.list(PODS, { fieldSelector: `spec.nodeName=${nodeName}`, ...(signal && { signal }) })).items;
  const upstream = new UpstreamCheckpoints(parts.store);
  const runtime = new KubeletRuntime({ ...parts, kubelet, upstream, pods }, { root: hostRoot });
  await runtime.prepare();
  const folder = join(hostRoot, directory);
  const checkpoints = join(folder, 'checkpoints', nodeName);
  mkdirSync(checkpoints, { recursive: true, mode: 0o700 });
  if (options.imagesInMemory === true) mustBeInMemory(checkpoints);
  const journal = new SqliteJournal(join(checkpoints, '..', `${nodeName}.journal.db`));
  const volumeFolder = (podUid: string, volume: string): string =>
    join(hostRoot, '/var/lib/kubelet/pods', podUid, 'volumes/kubernetes.io~empty-dir', volume);
  const agent = new Agent(
    { ...parts, runtime, journal, archives, demand: new StorageDemand(parts.store, archives) },
    {
      nodeName,
      directory: checkpoints,
      volumeFolder,
      restoreImage: (uid, container) => imageReference(registry, uid, container),
      // What the kubelet writes by itself stays on its node, on its disk.
      upstream: archives === undefined && options.imagesInMemory !== true,
      // Where the nodes share the folder, each finds the others' checkpoints there.
      peers: (other) => join(folder, 'checkpoints', other),
      localCopies: { wipe: options.localCopies === 'wipe', waterMarks: options.waterMarks },
    },
  );
  const restores = new KubeletRestores(
    { ...parts, agent, runtime },
    { nodeName, port: restorePort, registry, volumeFolder },
  );
  const upstreamRestores = new UpstreamRestores({ ...parts, agent }, { nodeName });
  agentMetrics(vitals.metrics, agent.counters);
  const close = async (): Promise<void> => {
    await vitals.stop();
    journal.close();
    await archives?.close();
    await kubelet.close();
    await parts.store.close();
  };
  try {
    await vitals.start();
    await restores.start();
  } catch (error) {
    await close();
    throw error;
  }
  agent.start();
  upstreamRestores.start();
  return {
    stop: async () => {
      await upstreamRestores.stop();
      await restores.stop();
      await agent.stop();
      await close();
    },
  };
}

async function kubeletOf(nodeName: string, options: AgentRoleOptions): Promise<KubeletCheckpoints> {
  if (options.kubeletUrl === undefined) {
    const access = await loadKubeconfig({
      ...(options.kubeconfig === undefined ? {} : { path: options.kubeconfig }),
      ...(options.context === undefined ? {} : { context: options.context }),
    });
    return new KubeletCheckpoints(access, { throughNode: nodeName });
  }
  const { kubeletCa, kubeletClientCertificate, kubeletClientKey, kubeletTokenFile } = options;
  const access: ClusterAccess = {
    server: options.kubeletUrl,
    ...(kubeletCa === undefined ? {} : { ca: contentOf(kubeletCa) }),
    ...(kubeletClientCertificate === undefined ? {} : { clientCert: contentOf(kubeletClientCertificate) }),
    ...(kubeletClientKey === undefined ? {} : { clientKey: contentOf(kubeletClientKey) }),
    ...(kubeletTokenFile === undefined ? {} : { tokenFile: kubeletTokenFile }),
  };
  return new KubeletCheckpoints(access);
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new FermataError(
      'KubeconfigInvalid',
      `${path}, by which the kubelet is reached, cannot be read: ${reasonOf(error)}`,
      {
        cause: error,
      },
    );
  }
}
