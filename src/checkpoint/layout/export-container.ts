import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { diskFiles } from '../disk-files.ts';
import { corrupt, missing, unreadable } from '../errors.ts';
import {
  belongsToLayout,
  type ContainerConfiguration,
  criStatus,
  forPodman,
  layoutOrder,
  type PodIdentity,
  withPodNames,
} from './container-files.ts';
import type { TarSource } from './tar-writer.ts';

/** `config.dump` and `spec.dump` have some 10 KiB. */
const DESCRIPTION_MAX_BYTES = 16 * 1024 * 1024;

export interface ExportedContainer {
  configuration: ContainerConfiguration;
  /** For `writeTar`, which may be called with them more than once. */
  entries: TarSource[];
}

/**
 * One container of a checkpoint's directory, as the members of an archive that `podman container restore --import`, checkpointctl,
 * CRI-O and containerd read. Throws FermataError `CheckpointIncomplete`, `CheckpointCorrupt`.
 */
export async function exportContainer(
  directory: string,
  container: string,
  pod: PodIdentity | undefined,
): Promise<ExportedContainer> {
  const folder = join(directory, container);
  const present = ((await diskFiles.list(folder)) ?? []).filter(({ path }) => belongsToLayout(path));
  for (const { path, kind } of present) {
    if (kind !== 'file' && kind !== 'directory') throw corrupt(folder, path, 'it is neither a file nor a folder');
  }
  if (!present.some(({ path }) => path === 'checkpoint/inventory.img')) {
    throw missing(folder, 'checkpoint/inventory.img');
  }
  const configuration = forPodman((await description(folder, 'config.dump')) as ContainerConfiguration);
  const specification = withPodNames(await description(folder, 'spec.dump'), container, pod);
  const made = new Map<string, Buffer>([
    ['config.dump', json(configuration)],
    ['spec.dump', json(specification)],
  ]);
  if (!present.some(({ path }) => path === 'status.dump')) {
    made.set('status.dump', json(criStatus(configuration, container, pod)));
  }
  const entries = present
    .filter(({ path }) => !made.has(path))
    .map(
      ({ path, kind, sizeBytes }): TarSource =>
        kind === 'directory'
          ? { path, kind, sizeBytes: 0 }
          : { path, kind: 'file', sizeBytes, open: () => createReadStream(join(folder, path)) },
    );
  for (const [path, bytes] of made) {
    entries.push({ path, kind: 'file', sizeBytes: bytes.length, open: () => once(bytes) });
  }
  return { configuration, entries: entries.sort((one, other) => layoutOrder(one.path, other.path)) };
}

async function description(folder: string, path: string): Promise<Record<string, unknown>> {
  const bytes = await diskFiles.read(folder, path, DESCRIPTION_MAX_BYTES);
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>;
  } catch (error) {
    throw unreadable(folder, `is complete, but ${path} is not JSON`, error);
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}
