import type { CheckpointFiles, ContainerStatistics } from '../checkpoint/index.ts';
import { type CheckpointedContainer, FermataError } from '../model/index.ts';

/**
 * Looks at what a dump left, without trusting that it succeeded: every container must have its subfolder with images of
 * the runtime's kind. Throws FermataError `CheckpointIncomplete` or `CheckpointCorrupt`.
 */
export type VerifyImages = (directory: string, containers: readonly string[], files: CheckpointFiles) => Promise<void>;

/** For a runtime whose images nobody else can read: each container has at least one file that is not empty. */
export const someImages: VerifyImages = async (directory, containers, files) => {
  const entries = await files.list(directory);
  for (const container of containers) {
    const prefix = `${container}/`;
    if (entries?.some((entry) => entry.path.startsWith(prefix) && entry.sizeBytes > 0)) continue;
    throw new FermataError(
      'CheckpointIncomplete',
      `checkpoint ${directory}: the dump of container ${container} left nothing`,
    );
  }
};

/** What is still known of a dump whose report was lost with the agent that had ordered it. */
export async function describeImages(
  directory: string,
  containers: readonly { name: string; image?: string }[],
  files: CheckpointFiles,
): Promise<CheckpointedContainer[]> {
  const entries = (await files.list(directory)) ?? [];
  return containers.map(({ name, image }) => ({
    name,
    ...(image === undefined ? {} : { image }),
    sizeBytes: entries
      .filter((entry) => entry.path.startsWith(`${name}/`))
      .reduce((sum, entry) => sum + entry.sizeBytes, 0),
  }));
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
