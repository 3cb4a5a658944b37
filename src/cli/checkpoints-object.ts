import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isApiError } from '../kubernetes/index.ts';
import { FermataError, isConditionTrue, POD_CHECKPOINTS, type PodCheckpoint } from '../model/index.ts';
import { SandboxDirectory } from '../sandbox/index.ts';
import type { SourceFlags } from './checkpoints.ts';
import type { ArchiveInStore } from './checkpoints-source.ts';
import { type Cluster, withCluster } from './cluster.ts';

/** Where `fermata agent` keeps the checkpoints of its node unless told otherwise. */
const AGENT_DIRECTORY = '/var/lib/fermata';
/** Where the installed agents' pods have the root of their node. */
const HOST_ROOT = '/host';

/** Where the data of a PodCheckpoint can be had from here. */
export type LocatedCheckpoint = { manifestDigest: string | undefined } & (
  | { folder: string; archive?: never; keys?: never }
  | { folder?: never; archive: ArchiveInStore; keys: string | undefined }
);

/** Neither a path nor the name of a file that is missing. */
export function isObjectName(text: string): boolean {
  return /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/.test(text) && !/\.(?:tar|tgz|gz|zst)$/.test(text);
}

export async function existingCheckpoint({ store, namespace }: Cluster, name: string): Promise<PodCheckpoint> {
  try {
    return await store.get(POD_CHECKPOINTS, { namespace, name });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    throw new FermataError('CheckpointUnknown', `there is no checkpoint "${name}" in namespace "${namespace}"`, {
      cause: error,
      nextStep: 'fermata checkpoints ls -A shows all; name another namespace with -n',
    });
  }
}

/** Where the checkpoints of a node may lie on this machine: in a sandbox, on the node itself, in its agent's pod. */
export function foldersOfNode(nodeName: string, { dir, directory }: { dir?: string; directory?: string }): string[] {
  const agent = directory ?? AGENT_DIRECTORY;
  return [
    ...(dir === undefined ? [] : [join(new SandboxDirectory(dir).node(nodeName), 'checkpoints')]),
    ...[agent, join(HOST_ROOT, agent)].map((folder) => join(folder, 'checkpoints', nodeName)),
  ];
}

/**
 * The folder of its node, when this is that node or has the sandbox of it; else its archive. Throws FermataError `CheckpointUnknown`,
 * `CheckpointNotReady`, `CheckpointMissing` (out of reach from here).
 */
export async function locateCheckpoint(name: string, flags: SourceFlags): Promise<LocatedCheckpoint> {
  const { metadata, status } = await withCluster(flags, (cluster) => existingCheckpoint(cluster, name));
  if (!isConditionTrue(status?.conditions, 'Ready')) {
    throw new FermataError('CheckpointNotReady', `checkpoint ${metadata.namespace}/${name} is not Ready`, {
      nextStep: `see its conditions: kubectl describe podcheckpoint ${name} -n ${metadata.namespace}`,
    });
  }
  const { nodeLocal, store } = status?.checkpointLocation ?? {};
  const { nodeName = '', manifestDigest } = status ?? {};
  const sandbox = flags.dir === undefined ? undefined : new SandboxDirectory(flags.dir);
  const onNode = foldersOfNode(nodeName, flags);
  // Names of nodes and paths come from an object that others write: they must not lead elsewhere.
  const isPlain = nodeLocal !== undefined && basename(nodeLocal.path) === nodeLocal.path && isObjectName(nodeName);
  const folder = isPlain
    ? onNode.map((each) => join(each, nodeLocal.path)).find((each) => existsSync(each))
    : undefined;
  if (folder !== undefined) return { folder, manifestDigest };
  if (store === undefined) {
    throw new FermataError(
      'CheckpointMissing',
      `the data of checkpoint ${metadata.namespace}/${name} is on node ${nodeName} alone`,
      {
        nextStep: `Look at it there, as root or in its agent's pod: fermata checkpoints inspect ${name} -n ${metadata.namespace}; or let agents store copies (--store).`,
      },
    );
  }
  const { url, digest } = store;
  const archive = { url, digest, tenant: metadata.namespace ?? '', archive: store.archive ?? metadata.uid };
  return { archive, keys: flags.keys ?? sandbox?.keys, manifestDigest };
}
