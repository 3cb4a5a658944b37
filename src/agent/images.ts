import {
  type CheckpointFiles,
  type ContainerStatistics,
  readDumpStatistics,
  STATISTICS_FILE,
  verifyDump,
} from '../checkpoint/index.ts';
import { type CheckpointedContainer, FermataError } from '../model/index.ts';

/** Codes of errors that say what is wrong with images, and not that they could not be looked at. */
export const IMAGE_FAILURES: ReadonlySet<string> = new Set(['CheckpointIncomplete', 'CheckpointCorrupt']);

/**
 * Looks at what a dump left, without trusting that it succeeded: every container that was dumped must have whole images.
 * Throws FermataError `CheckpointIncomplete` or `CheckpointCorrupt`.
 */
export async function verifyImages(
  directory: string,
  containers: readonly string[],
  files: CheckpointFiles,
): Promise<void> {
  if (containers.length === 0) {
    throw new FermataError('CheckpointIncomplete', `checkpoint ${directory}: no container of the pod was dumped`);
  }
  await verifyDump(directory, containers, { files });
}

/**
 * What the images still tell of a dump whose report was lost with the agent that had ordered it. Whether they are whole is not
 * its question: what cannot be read it leaves out.
 */
export async function describeImages(
  directory: string,
  containers: readonly { name: string; image?: string }[],
  files: CheckpointFiles,
): Promise<CheckpointedContainer[]> {
  const entries = (await files.list(directory)) ?? [];
  const described: CheckpointedContainer[] = [];
  for (const { name, image } of containers) {
    const own = entries.filter((entry) => entry.path.startsWith(`${name}/`));
    // Of a container that had ended before there is no CRIU image.
    if (!own.some((entry) => entry.path.endsWith('/inventory.img'))) continue;
    const path = own.find((entry) => entry.path.endsWith(`/${STATISTICS_FILE}`))?.path;
    const statistics = path === undefined ? undefined : await statisticsAt(directory, path, files);
    described.push({
      name,
      ...(image === undefined ? {} : { image }),
      sizeBytes: own.reduce((sum, entry) => sum + entry.sizeBytes, 0),
      ...(statistics === undefined
        ? {}
        : {
            freezingMicroseconds: statistics.freezingMicroseconds,
            frozenMicroseconds: statistics.frozenMicroseconds,
            memdumpMicroseconds: statistics.memdumpMicroseconds,
            memwriteMicroseconds: statistics.memwriteMicroseconds,
          }),
    });
  }
  return described;
}

async function statisticsAt(directory: string, path: string, files: CheckpointFiles) {
  try {
    return await readDumpStatistics(directory, { files, path });
  } catch (error) {
    if (error instanceof FermataError && IMAGE_FAILURES.has(error.code)) return undefined;
    throw error;
  }
}

/** As the manifest has it, where what is not known is 0. */
export function statisticsOf(container: CheckpointedContainer): ContainerStatistics {
  return {
    name: container.name,
    image: container.image ?? '',
    sizeBytes: container.sizeBytes ?? 0,
    freezingMicroseconds: container.freezingMicroseconds ?? 0,
    frozenMicroseconds: container.frozenMicroseconds ?? 0,
    memdumpMicroseconds: container.memdumpMicroseconds ?? 0,
    memwriteMicroseconds: container.memwriteMicroseconds ?? 0,
  };
}
