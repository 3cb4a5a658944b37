import { collectGarbage, DEFAULT_GARBAGE_GRACES, removeArchive } from '../checkpoint/index.ts';
import { rfc3339 } from '../clock/index.ts';
import { FermataError, isOnlyState, PINNED_ANNOTATION, POD_CHECKPOINTS, parseDuration } from '../model/index.ts';
import { bytes } from './bytes.ts';
import type { CollectFlags, ObjectFlags } from './checkpoints.ts';
import { existingCheckpoint } from './checkpoints-object.ts';
import { archiveName, withStore } from './checkpoints-source.ts';
import { withCluster } from './cluster.ts';
import { UsageError } from './exit.ts';
import { printResult, table } from './output.ts';

const signal = new AbortController().signal;

export async function pin(name: string, flags: ObjectFlags): Promise<void> {
  await withCluster(flags, async (cluster) => {
    const { metadata } = await existingCheckpoint(cluster, name);
    const value = flags.unpin === true ? null : rfc3339(Date.now());
    const patch = { metadata: { annotations: { [PINNED_ANNOTATION]: value } } };
    await cluster.store.patch(POD_CHECKPOINTS, { namespace: cluster.namespace, name: metadata.name }, patch);
  });
  process.stdout.write(`${name} is ${flags.unpin === true ? 'not pinned any more' : 'pinned: no rule removes it'}\n`);
}

export async function remove(name: string, flags: ObjectFlags): Promise<void> {
  const { store: url } = flags;
  if (url !== undefined) {
    await withStore(url, (store) => removeArchive(store, archiveName(name), signal));
    process.stdout.write(`${name} is gone; what no other archive shares with it goes with checkpoints gc\n`);
    return;
  }
  await withCluster(flags, async (cluster) => {
    const checkpoint = await existingCheckpoint(cluster, name);
    const { uid, annotations, resourceVersion } = checkpoint.metadata;
    if (flags.force !== true && annotations?.[PINNED_ANNOTATION] !== undefined) {
      throw refusal(name, 'it is pinned', 'Unpin it (fermata checkpoints pin --unpin), or use --force.');
    }
    if (flags.force !== true && isOnlyState(checkpoint)) {
      throw refusal(
        name,
        'it is the only copy of what a suspended workload computed',
        'Resume the workload first, or use --force: then what it computed is lost.',
      );
    }
    const key = { namespace: cluster.namespace, name };
    await cluster.store.delete(POD_CHECKPOINTS, key, { uid, resourceVersion });
  });
  process.stdout.write(`${name} is let go\n`);
}

export async function collect(flags: CollectFlags): Promise<void> {
  if (flags.store !== undefined) return collectInStore(flags.store, flags);
  if (flags.dryRun !== true) {
    throw new UsageError(
      'controllers and agents let checkpoints go by themselves',
      'with --dry-run this says which and why; fermata checkpoints rm lets one go; --store names a store to clean',
    );
  }
  const { sayWhatClusterLetsGo, sayWhatNodeLetsGo } = await import('./checkpoints-dry-run.ts');
  if (flags.node === undefined) await sayWhatClusterLetsGo(flags);
  else await sayWhatNodeLetsGo(flags.node, flags);
}

async function collectInStore(url: string, flags: CollectFlags): Promise<void> {
  const graces = { ...DEFAULT_GARBAGE_GRACES, youngMilliseconds: parseDuration(flags.grace) };
  const dryRun = flags.dryRun === true;
  const report = await withStore(url, (store) => collectGarbage(store, { signal, graces, dryRun }));
  await printResult(report, flags.output, () => {
    const { removed, waiting, freedBytes, skipped } = report;
    const rows = [
      ...removed.map(({ key, size, why }) => [key, bytes(size), why, dryRun ? 'would go' : 'gone']),
      ...waiting.map(({ key, size, why }) => [key, bytes(size), why, `goes when it is still so in ${flags.grace}`]),
    ];
    const skips = skipped.map(({ tenant, why }) => `Nothing of ${tenant} was touched: ${why}\n`).join('');
    const all = rows.length === 0 ? '' : table(['BLOB', 'SIZE', 'WHY', 'WHAT'], rows);
    return `${skips}${all}${dryRun ? '' : `${bytes(freedBytes)} freed\n`}`;
  });
}

function refusal(name: string, why: string, nextStep: string): FermataError {
  return new FermataError('CheckpointKept', `checkpoint ${name} is kept: ${why}`, { nextStep });
}
