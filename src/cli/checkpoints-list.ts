import { inventoryOf, type ListedBlob, readManifestHeader } from '../checkpoint/index.ts';
import { rfc3339 } from '../clock/index.ts';
import { bytes } from './bytes.ts';
import type { ListFlags } from './checkpoints.ts';
import { withStore } from './checkpoints-source.ts';
import { withCluster } from './cluster.ts';
import { printResult, table } from './output.ts';

const signal = new AbortController().signal;

export async function list(flags: ListFlags): Promise<void> {
  if (flags.store !== undefined) await listStore(flags.store, flags);
  else await listCluster(flags);
}

async function listStore(url: string, flags: ListFlags): Promise<void> {
  const archives = await withStore(url, async (store) => {
    const found = [];
    for (const { tenant, manifests, claims } of (await inventoryOf(store, signal)).values()) {
      for (const [archive, { modified }] of manifests) {
        const header = await readManifestHeader(store, { tenant, archive }, signal);
        if (header === undefined) continue;
        const sizeBytes = header.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
        found.push({ namespace: tenant, archive, sizeBytes, encryption: header.encryption, stored: rfc3339(modified) });
      }
      for (const archive of claims.keys()) {
        if (!manifests.has(archive)) found.push({ namespace: tenant, archive, uploading: true as const });
      }
    }
    return found;
  });
  await printResult(archives, flags.output, () => {
    if (archives.length === 0) return 'the store holds no archive\n';
    return table(
      ['NAMESPACE', 'ARCHIVE', 'SIZE', 'ENCRYPTION', 'STORED'],
      archives.map((one) =>
        'uploading' in one
          ? [one.namespace, one.archive, '-', '-', 'upload under way']
          : [one.namespace, one.archive, bytes(one.sizeBytes), one.encryption, one.stored],
      ),
    );
  });
}

async function listCluster(flags: ListFlags): Promise<void> {
  const { kindOf, PINNED_ANNOTATION, POD_CHECKPOINTS } = await import('../model/index.ts');
  const all = flags.allNamespaces === true;
  const { items } = await withCluster(flags, ({ store, namespace }) =>
    store.list(POD_CHECKPOINTS, all ? {} : { namespace }),
  );
  await printResult(items, flags.output, () => {
    if (items.length === 0) return `no checkpoints${all ? '' : ' in this namespace; -A shows all'}\n`;
    const columns = (kindOf(POD_CHECKPOINTS)?.columns ?? []).filter(({ priority }) => priority === 0);
    return table(
      [...(all ? ['NAMESPACE'] : []), ...columns.map(({ name }) => name.toUpperCase()), 'PINNED'],
      items.map((item) => [
        ...(all ? [item.metadata.namespace ?? ''] : []),
        ...columns.map(({ value }) => String(value(item, Date.now()))),
        item.metadata.annotations?.[PINNED_ANNOTATION] === undefined ? '' : 'yes',
      ]),
    );
  });
}

export async function usage(flags: ListFlags): Promise<void> {
  if (flags.store !== undefined) await usageOfStore(flags.store, flags);
  else await usageOfCluster(flags);
}

/** As the objects say: what stores share between archives counts in each of them. */
async function usageOfCluster(flags: ListFlags): Promise<void> {
  const { POD_CHECKPOINTS } = await import('../model/index.ts');
  const { items } = await withCluster(flags, ({ store, namespace }) =>
    store.list(POD_CHECKPOINTS, flags.allNamespaces === true ? {} : { namespace }),
  );
  const byNamespace = Map.groupBy(items, ({ metadata }) => metadata.namespace ?? '');
  const namespaces = [...byNamespace].map(([namespace, checkpoints]) => {
    const found = { namespace, checkpoints: checkpoints.length, onNodesBytes: 0, storedBytes: 0, notStored: 0 };
    for (const { status } of checkpoints) {
      const { nodeLocal, store } = status?.checkpointLocation ?? {};
      const size = (status?.checkpointedContainers ?? []).reduce((sum, one) => sum + (one.sizeBytes ?? 0), 0);
      if (nodeLocal !== undefined) found.onNodesBytes += size;
      if (store === undefined) found.notStored++;
      else found.storedBytes += store.sizeBytes;
    }
    return found;
  });
  await printUsage(namespaces, flags, {
    CHECKPOINTS: ({ checkpoints }) => String(checkpoints),
    'ON NODES': ({ onNodesBytes }) => bytes(onNodesBytes),
    STORED: ({ storedBytes }) => bytes(storedBytes),
    'NOT STORED': ({ notStored }) => String(notStored),
  });
}

async function usageOfStore(url: string, flags: ListFlags): Promise<void> {
  const namespaces = await withStore(url, async (store) => {
    const found = [];
    for (const { tenant, manifests, segments, keys, claims } of (await inventoryOf(store, signal)).values()) {
      const needed = new Set<string>();
      let referredBytes = 0;
      for (const archive of manifests.keys()) {
        const header = await readManifestHeader(store, { tenant, archive }, signal);
        for (const { name, sizeBytes } of header?.segments ?? []) {
          needed.add(name);
          referredBytes += sizeBytes;
        }
      }
      const unneeded = [...segments].filter(([name]) => !needed.has(name)).map(([, blob]) => blob);
      found.push({
        namespace: tenant,
        archives: manifests.size,
        storedBytes: total([...manifests.values(), ...segments.values(), ...keys.values(), ...claims.values()]),
        referredBytes,
        unreferencedBytes: total(unneeded),
      });
    }
    return found;
  });
  await printUsage(namespaces, flags, {
    ARCHIVES: ({ archives }) => String(archives),
    STORED: ({ storedBytes }) => bytes(storedBytes),
    'WITHOUT SHARING': ({ referredBytes }) => bytes(referredBytes),
    UNREFERENCED: ({ unreferencedBytes }) => bytes(unreferencedBytes),
  });
}

/** A line for each namespace. */
async function printUsage<T extends { namespace: string }>(
  namespaces: readonly T[],
  { output }: ListFlags,
  columns: Readonly<Record<string, (one: T) => string>>,
): Promise<void> {
  await printResult(namespaces, output, () =>
    table(
      ['NAMESPACE', ...Object.keys(columns)],
      namespaces.map((one) => [one.namespace, ...Object.values(columns).map((value) => value(one))]),
    ),
  );
}

function total(blobs: readonly ListedBlob[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}
