import { type Clock, rfc3339 } from '../clock/index.ts';
import { type HttpStore, isApiError } from '../kubernetes/index.ts';
import {
  AWAITS_REPLACEMENT_LABEL,
  FermataError,
  keyOf,
  NAMESPACES,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  PODS,
  type PodCheckpoint,
  withCondition,
} from '../model/index.ts';
import { type Applied, remove } from './installer.ts';
import type { Manifest } from './options.ts';
import { named, type SuspendedChoice, suspendedWorkloads } from './suspended.ts';

/** How often to look whether the agents have removed what is to go. */
const LOOK_MILLISECONDS = 500;

export interface UninstallOptions {
  /** Absent: refused while a workload is suspended. */
  suspended?: SuspendedChoice;
  /** For the agents, to remove the data of the checkpoints. */
  timeoutSeconds: number;
}

/**
 * Takes Fermata out of the cluster. While agents and controllers still run the state of suspended workloads is seen to; with
 * `keep` checkpoints, their definitions and their data stay, and the pods that wait go on waiting for the next installation.
 * Throws FermataError `UninstallSuspended`, `UninstallUnsettled`, `UninstallStuck`.
 */
export async function uninstall(
  parts: { store: HttpStore; clock: Clock; onRemoved: (removed: Pick<Applied, 'kind' | 'name'>) => void },
  manifests: readonly Manifest[],
  options: UninstallOptions,
): Promise<void> {
  const { store, onRemoved } = parts;
  const { suspended, unsettled } = suspendedWorkloads(await checkpointsOf(store));
  if (suspended.length > 0 && options.suspended === undefined) {
    throw new FermataError(
      'UninstallSuspended',
      `suspended, and nothing but a checkpoint left of them: ${named(suspended)}`,
      {
        nextStep:
          'let them go on first, or say where their state should go: --suspended keep (the pods wait for the next installation) or --suspended discard (they are given up)',
      },
    );
  }
  const isKept = options.suspended === 'keep' && suspended.length > 0;
  if (isKept && unsettled.length > 0) {
    throw new FermataError('UninstallUnsettled', `no pod waits yet in the place of ${named(unsettled)}`, {
      nextStep: 'try again in a moment: without Fermata their controllers would begin anew',
    });
  }
  // From here on pods of controllers are nobody's incarnations any more.
  const first = manifests.filter(({ kind }) => kind === 'MutatingWebhookConfiguration');
  await remove(store, first, onRemoved);
  if (!isKept) await discardAll(parts, suspended, options.timeoutSeconds);
  await unmarkNamespaces(store);
  const kept = new Set(isKept ? ['CustomResourceDefinition', 'Namespace'] : []);
  await remove(
    store,
    manifests.filter((manifest) => !first.includes(manifest) && !kept.has(manifest.kind)),
    onRemoved,
  );
}

async function checkpointsOf(store: HttpStore): Promise<PodCheckpoint[]> {
  try {
    return (await store.list(POD_CHECKPOINTS)).items;
  } catch (error) {
    // The definition is gone, and with it every checkpoint.
    if (isApiError(error, 'NotFound')) return [];
    throw error;
  }
}

async function discardAll(
  { store, clock }: { store: HttpStore; clock: Clock },
  suspended: readonly PodCheckpoint[],
  timeoutSeconds: number,
): Promise<void> {
  for (const checkpoint of suspended) await giveUp(store, clock, checkpoint);
  for (const { metadata } of await checkpointsOf(store)) {
    await ignoringMissing(() => store.delete(POD_CHECKPOINTS, metadata));
  }
  for (const { metadata } of await groupsOf(store)) {
    await ignoringMissing(() => store.delete(POD_GROUP_CHECKPOINTS, metadata));
  }
  const deadline = clock.monotonic() + timeoutSeconds * 1_000;
  for (;;) {
    const left = await checkpointsOf(store);
    if (left.length === 0) return;
    if (clock.monotonic() > deadline) {
      throw new FermataError(
        'UninstallStuck',
        `${left.length} checkpoints are not removed by their agents: ${named(left)}`,
        {
          nextStep:
            'see that the agents of their nodes run, and try again; of nodes that are gone remove the finalizers by hand',
        },
      );
    }
    await clock.sleep(LOOK_MILLISECONDS);
  }
}

/** Its agent removes the only copy of a state only when that is nobody's any more. */
async function giveUp(store: HttpStore, clock: Clock, checkpoint: PodCheckpoint): Promise<void> {
  const { namespace, name, uid } = checkpoint.metadata;
  const message = 'given up when Fermata was uninstalled';
  const condition = { type: 'Restored', status: 'False' as const, reason: 'Abandoned', message };
  const conditions = withCondition(checkpoint.status?.conditions, condition, rfc3339(clock.now()));
  await ignoringMissing(() =>
    store.patch(
      POD_CHECKPOINTS,
      { namespace, name },
      { metadata: { uid }, status: { conditions } },
      { subresource: 'status' },
    ),
  );
  const { podName, podUID } = checkpoint.status?.restoration ?? {};
  if (podName === undefined || podUID === undefined) return;
  await ignoringMissing(() => store.delete(PODS, { namespace, name: podName }, { uid: podUID }));
}

async function groupsOf(store: HttpStore) {
  try {
    return (await store.list(POD_GROUP_CHECKPOINTS)).items;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return [];
    throw error;
  }
}

async function unmarkNamespaces(store: HttpStore): Promise<void> {
  const { items } = await store.list(NAMESPACES, { labelSelector: AWAITS_REPLACEMENT_LABEL });
  for (const namespace of items) {
    await ignoringMissing(() =>
      store.patch(
        NAMESPACES,
        { name: keyOf(namespace) },
        { metadata: { labels: { [AWAITS_REPLACEMENT_LABEL]: null } } },
      ),
    );
  }
}

async function ignoringMissing(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
  }
}
