import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { diskStorage, nodeCopies } from '../agent/index.ts';
import { type Disk, planCopies } from '../checkpoint/index.ts';
import { expendableCheckpoints } from '../controllers/index.ts';
import { INTERRUPTION_POLICIES, keyOf, POD_CHECKPOINTS, PODS, type PodCheckpoint } from '../model/index.ts';
import { bytes } from './bytes.ts';
import type { CollectFlags } from './checkpoints.ts';
import { foldersOfNode } from './checkpoints-object.ts';
import { withCluster } from './cluster.ts';
import { waterMarksOf } from './disk-options.ts';
import { UsageError } from './exit.ts';
import { printResult, table } from './output.ts';

/** What the retention controller would let go now, where that lies, and why. */
export async function sayWhatClusterLetsGo(flags: CollectFlags): Promise<void> {
  const going = await withCluster(flags, async ({ store, namespace }) => {
    // Limits are of namespaces, and pods are in the namespace of their checkpoints.
    const where = flags.allNamespaces === true ? {} : { namespace };
    const [checkpoints, pods, policies] = [
      await store.list(POD_CHECKPOINTS, where),
      await store.list(PODS, where),
      await store.list(INTERRUPTION_POLICIES, {}),
    ];
    const objects = { checkpoints: checkpoints.items, pods: pods.items, policies: policies.items };
    const byId = new Map(checkpoints.items.map((checkpoint) => [keyOf(checkpoint), checkpoint]));
    return expendableCheckpoints(objects, Date.now()).map((one) => ({ ...one, ...placesOf(byId.get(one.id)) }));
  });
  await printResult(going, flags.output, () => {
    if (going.length === 0) return 'no checkpoint is to go\n';
    return table(
      ['CHECKPOINT', 'ON NODE', 'IN STORE', 'WHY', 'BECAUSE'],
      going.map((one) => [
        one.id,
        one.node ?? '-',
        one.store ?? '-',
        one.why,
        'because' in one ? one.because : 'no longer needed',
      ]),
    );
  });
}

/** The data goes from all of them. */
function placesOf(checkpoint: PodCheckpoint | undefined): { node?: string; store?: string } {
  const { nodeName, checkpointLocation: { nodeLocal, store } = {} } = checkpoint?.status ?? {};
  return {
    ...(nodeLocal === undefined || nodeName === undefined ? {} : { node: nodeName }),
    ...(store === undefined ? {} : { store: store.url }),
  };
}

/** Which copies the agent of the node would remove now, with these flags of its own, and why each of the others stays. */
export async function sayWhatNodeLetsGo(node: string, flags: CollectFlags): Promise<void> {
  const marks = await waterMarksOf(flags);
  if (marks === undefined && flags.localCopies !== 'wipe') {
    throw new UsageError(
      `the agent of ${node} keeps all copies unless it runs with --disk-high or --local-copies wipe`,
      'name its flags: fermata checkpoints gc --dry-run --node NAME --disk-high 85%',
    );
  }
  const folder = foldersOfNode(node, flags).find((each) => existsSync(each));
  if (folder === undefined) {
    throw new UsageError(
      `there are no checkpoints of node ${node} on this machine`,
      "run it there, or in its agent's pod; --directory says where they are",
    );
  }
  const copies = await withCluster(flags, async ({ store }) => {
    const { items: checkpoints } = await store.list(POD_CHECKPOINTS, {});
    const { items: pods } = await store.list(PODS, { fieldSelector: `spec.nodeName=${node}` });
    return nodeCopies(checkpoints, pods, await diskStorage.folders(folder));
  });
  const sized = [];
  for (const copy of copies) sized.push({ ...copy, sizeBytes: await sizeOf(join(folder, copy.folder)) });
  const disk: Disk = (await diskStorage.disk(folder)) ?? { freeBytes: 0, totalBytes: 0 };
  const sizes = new Map(sized.map(({ id, sizeBytes }) => [id, sizeBytes]));
  const verdicts = planCopies(sized, flags.localCopies === 'wipe' || marks === undefined ? 'wiped' : { marks, disk });
  const result = { node, disk, copies: verdicts.map((one) => ({ ...one, sizeBytes: sizes.get(one.id) ?? 0 })) };
  await printResult(result, flags.output, () => {
    if (result.copies.length === 0) return `node ${node} has no copy of a checkpoint\n`;
    return table(
      ['CHECKPOINT', 'SIZE', 'WHAT', 'BECAUSE'],
      result.copies.map(({ id, sizeBytes, goes, because }) => [
        id,
        bytes(sizeBytes),
        goes ? 'would go' : 'stays',
        because,
      ]),
    );
  });
}

async function sizeOf(folder: string): Promise<number> {
  const files = (await diskStorage.files.list(folder)) ?? [];
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
