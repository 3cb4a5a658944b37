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
import type { SourceFlags } from './checkpoints.ts';
import { type OpenedCheckpoint, oneContainer, withCheckpoint } from './checkpoints-source.ts';
import { printResult, table } from './output.ts';

export async function show(source: string, flags: SourceFlags): Promise<void> {
  await withCheckpoint(source, flags, async (checkpoint) => {
    const names = flags.container === undefined ? checkpoint.containers : [oneContainer(checkpoint, flags.container)];
    const containers = await Promise.all(names.map((name) => describe(checkpoint, name)));
    const { pod } = checkpoint;
    const result = { source, ...(pod === undefined ? {} : { pod }), containers };
    await printResult(result, flags.output, () =>
      table(
        ['POD', 'CONTAINER', 'IMAGE', 'RUNTIME', 'CHECKPOINTED', 'SIZE', 'ROOT FS', 'FROZEN'],
        containers.map((one) => [
          pod === undefined ? '-' : `${pod.namespace}/${pod.name}`,
          one.name,
          one.image,
          one.runtime,
          one.checkpointedTime ?? '-',
          bytes(one.imagesBytes),
          bytes(one.rootfsDiffBytes),
          one.frozenMicroseconds === undefined ? '-' : `${Math.round(one.frozenMicroseconds / 1000)} ms`,
        ]),
      ),
    );
  });
}

export async function verify(source: string, flags: SourceFlags): Promise<void> {
  await withCheckpoint(source, flags, async ({ directory, containers, kind }) => {
    await verifyDump(directory, containers);
    const sealed = (await stat(join(directory, MANIFEST_FILE)).catch(() => undefined)) !== undefined;
    const digest = sealed ? (await verifyCheckpoint(directory)).digest : undefined;
    const verified = digest !== undefined || kind === 'archive' ? 'EveryByte' : 'ImagesFitTogether';
    const result = { source, containers, verified, ...(digest === undefined ? {} : { digest }) };
    await printResult(result, flags.output, () =>
      verified === 'EveryByte'
        ? `${source} is whole: every byte is what was sealed.\n`
        : `CRIU's images of ${source} are all there and fit together; it has no digests that its bytes could be checked against.\n`,
    );
  });
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

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `12.3 MiB` */
export function bytes(count: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, count)) / 10));
  return `${(count / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit]}`;
}
