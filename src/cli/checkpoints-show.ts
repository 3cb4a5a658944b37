import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  diskFiles,
  exportContainer,
  MANIFEST_FILE,
  readDumpStatistics,
  verifyCheckpoint,
  verifyDump,
} from '../checkpoint/index.ts';
import { PINNED_ANNOTATION, podCheckpointStatusText } from '../model/index.ts';
import { bytes } from './bytes.ts';
import type { SourceFlags } from './checkpoints.ts';
import { existingCheckpoint, isObjectName } from './checkpoints-object.ts';
import { type OpenedCheckpoint, oneContainer, withCheckpoint } from './checkpoints-source.ts';
import { withCluster } from './cluster.ts';
import { printResult, table } from './output.ts';
import { printable } from './printable.ts';
import { TransferProgress } from './transfer-progress.ts';

/** Of a PodCheckpoint it says what the object says; everything else is looked into. */
export async function show(source: string, flags: SourceFlags): Promise<void> {
  const isFile = flags.store !== undefined || existsSync(source);
  if (!isFile && isObjectName(source)) return showObject(source, flags);
  await withCheckpoint(source, flags, async (checkpoint) => {
    const names = flags.container === undefined ? checkpoint.containers : [oneContainer(checkpoint, flags.container)];
    const containers = await Promise.all(names.map((name) => describe(checkpoint, name)));
    const { pod } = checkpoint;
    const result = { source, ...(pod === undefined ? {} : { pod }), containers };
    await printResult(result, flags.output, () =>
      table(
        ['POD', 'CONTAINER', 'IMAGE', 'RUNTIME', 'CHECKPOINTED', 'SIZE', 'ROOT FS', 'FROZEN'],
        containers.map((one) => [
          pod === undefined ? '-' : printable(`${pod.namespace}/${pod.name}`),
          one.name,
          printable(String(one.image)),
          printable(String(one.runtime)),
          printable(String(one.checkpointedTime ?? '-')),
          bytes(one.imagesBytes),
          bytes(one.rootfsDiffBytes),
          milliseconds(one.frozenMicroseconds),
        ]),
      ),
    );
  });
}

async function showObject(name: string, flags: SourceFlags): Promise<void> {
  const checkpoint = await withCluster(flags, (cluster) => existingCheckpoint(cluster, name));
  const { metadata, spec, status = {} } = checkpoint;
  const { store, nodeLocal } = status.checkpointLocation ?? {};
  const containers = (status.checkpointedContainers ?? []).filter(
    (one) => flags.container === undefined || one.name === flags.container,
  );
  const where = [
    ...(nodeLocal === undefined ? [] : [`node ${status.nodeName}`]),
    ...(store === undefined ? [] : [`${store.url}, ${store.encrypted ? 'encrypted' : 'not encrypted'}`]),
  ];
  await printResult(checkpoint, flags.output, () =>
    [
      table(
        ['POD', 'CONTAINER', 'IMAGE', 'CHECKPOINTED', 'SIZE', 'FROZEN'],
        containers.map((one) => [
          `${metadata.namespace}/${spec.sourcePod.name}`,
          one.name,
          one.image ?? '-',
          status.completionTime ?? '-',
          bytes(one.sizeBytes ?? 0),
          milliseconds(one.frozenMicroseconds),
        ]),
      ),
      `${podCheckpointStatusText(checkpoint)}${where.length === 0 ? '' : `; in ${where.join(', and in ')}`}\n`,
      metadata.annotations?.[PINNED_ANNOTATION] === undefined ? '' : 'Pinned: no rule removes it.\n',
    ].join(''),
  );
}

export async function verify(source: string, flags: SourceFlags): Promise<void> {
  await withCheckpoint(source, flags, async ({ directory, containers, kind, manifestDigest }, signal) => {
    await verifyDump(directory, containers);
    const sealed = (await stat(join(directory, MANIFEST_FILE)).catch(() => undefined)) !== undefined;
    const isDigested = sealed || manifestDigest !== undefined;
    const digest = isDigested ? await verifiedDigest(directory, manifestDigest, signal) : undefined;
    const verified = digest !== undefined || kind === 'archive' ? 'EveryByte' : 'ImagesFitTogether';
    const result = { source, containers, verified, ...(digest === undefined ? {} : { digest }) };
    await printResult(result, flags.output, () =>
      verified === 'EveryByte'
        ? `${source} is whole: every byte is what was sealed.\n`
        : `CRIU's images of ${source} are all there and fit together; it has no digests that its bytes could be checked against.\n`,
    );
  });
}

async function verifiedDigest(directory: string, expected: string | undefined, signal: AbortSignal): Promise<string> {
  const progress = new TransferProgress('verifying');
  try {
    const files = (await diskFiles.list(directory)) ?? [];
    const meter = progress.meter(files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    return (await verifyCheckpoint(directory, expected, { signal, onDigested: (count) => meter.add(count) })).digest;
  } finally {
    progress.stop();
  }
}

function milliseconds(microseconds: number | undefined): string {
  return microseconds === undefined ? '-' : `${Math.round(microseconds / 1000)} ms`;
}

async function describe({ directory, pod }: OpenedCheckpoint, name: string) {
  const { configuration } = await exportContainer(directory, name, pod);
  const files = (await diskFiles.list(join(directory, name))) ?? [];
  const sum = (prefix: string): number =>
    files.filter(({ path }) => path.startsWith(prefix)).reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  const hasStatistics = files.some(({ path }) => path === 'stats-dump');
  const statistics = hasStatistics ? await readDumpStatistics(join(directory, name)) : undefined;
  return {
    name,
    id: configuration.id,
    image: configuration.rootfsImageName,
    runtime: configuration.runtime,
    ...(configuration.createdTime === undefined ? {} : { createdTime: configuration.createdTime }),
    ...(configuration.checkpointedTime === undefined ? {} : { checkpointedTime: configuration.checkpointedTime }),
    imagesBytes: sum('checkpoint/'),
    rootfsDiffBytes: sum('rootfs-diff.tar'),
    ...statistics,
  };
}
