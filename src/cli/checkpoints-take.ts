import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  CheckpointArchive,
  discardUpload,
  type ImportedContainer,
  importContainer,
  parseImageReference,
  pullCheckpointImage,
  readKeyFolder,
  removeArchive,
  type StoredArchive,
} from '../checkpoint/index.ts';
import { rfc3339, SystemClock } from '../clock/index.ts';
import type { TakeFlags } from './checkpoints.ts';
import { preparePod, recordCheckpoint } from './checkpoints-record.ts';
import { archiveName, importFile, inTemporary, withStore } from './checkpoints-source.ts';
import { type Cluster, withCluster } from './cluster.ts';
import { UsageError } from './exit.ts';
import { interruptible } from './interrupt.ts';
import { printResult } from './output.ts';
import { TransferProgress } from './transfer-progress.ts';

type Bring = (directory: string, signal: AbortSignal) => Promise<ImportedContainer>;
interface Place {
  url: string;
  keys: string;
  tenant: string;
  archive: string;
}

/** Takes a `.tar` in. */
export async function importFrom(file: string, folder: string | undefined, flags: TakeFlags): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() !== true) throw new UsageError(`${file} is no file`);
  await interruptible((signal) =>
    take((directory) => importFile(file, found.size, directory, signal), folder, flags, signal),
  );
}

export async function pull(image: string, folder: string | undefined, flags: TakeFlags): Promise<void> {
  const reference = parseImageReference(image);
  const bring: Bring = async (directory, signal) => {
    const progress = new TransferProgress('pulling');
    const { show: onProgress } = progress;
    try {
      const layer = pullCheckpointImage({ clock: new SystemClock() }, reference, { signal, onProgress });
      return await importContainer(layer, directory, signal);
    } finally {
      progress.stop();
    }
  };
  await interruptible((signal) => take(bring, folder, flags, signal));
}

async function take(bring: Bring, folder: string | undefined, flags: TakeFlags, signal: AbortSignal): Promise<void> {
  const { store: url, keys, as, checkpoint } = flags;
  if ((folder === undefined) === (url === undefined)) {
    throw new UsageError('name a folder to be made, or --store');
  }
  if (folder !== undefined) {
    if (checkpoint !== undefined) throw new UsageError('--checkpoint needs --store: nodes find its data there');
    const directory = resolve(folder);
    const { name } = await bring(directory, signal);
    await printResult({ container: name, folder: directory }, flags.output, () => inFolder(name, directory));
    return;
  }
  if (url === undefined || keys === undefined || (as === undefined) === (checkpoint === undefined)) {
    throw new UsageError('what goes to a store needs --keys FOLDER, and --as NAMESPACE/ARCHIVE or --checkpoint NAME');
  }
  if (as !== undefined) return toStore(bring, { url, keys, ...archiveName(as) }, flags, signal);
  await withCluster(flags, (cluster) => toCluster(bring, { url, keys }, cluster, flags, signal));
}

async function toStore(bring: Bring, place: Place, flags: TakeFlags, signal: AbortSignal): Promise<void> {
  await inTemporary(async (directory) => {
    const { name } = await bring(directory, signal);
    const stored = await upload(directory, place, flags, signal);
    const result = { container: name, namespace: place.tenant, archive: place.archive, ...stored };
    await printResult(result, flags.output, () => {
      const encrypted = stored.encrypted ? 'encrypted' : 'not encrypted';
      return `Container ${name} is stored as ${flags.as}, ${stored.sentBytes} bytes sent, ${encrypted}.\n`;
    });
  });
}

/** The data first: an object is there only with a copy that was read back. */
async function toCluster(
  bring: Bring,
  where: { url: string; keys: string },
  cluster: Cluster,
  flags: TakeFlags,
  signal: AbortSignal,
): Promise<void> {
  const { checkpoint: name = '' } = flags;
  await inTemporary(async (directory) => {
    const imported = await bring(directory, signal);
    const pod = await preparePod(directory, imported, {
      namespace: cluster.namespace,
      checkpoint: name,
      byKubelets: flags.restoreRegistry !== undefined,
      now: Date.now(),
    });
    const place = { ...where, tenant: cluster.namespace, archive: `imported-${randomUUID()}` };
    const stored = await upload(directory, place, flags, signal);
    const url = await withStore(place.url, async (store) => store.url);
    const archive = { ...stored, url, archive: place.archive };
    try {
      await recordCheckpoint(cluster, name, pod, archive, flags.restoreRegistry);
    } catch (error) {
      await withStore(place.url, (store) => removeArchive(store, place, new AbortController().signal));
      throw error;
    }
    const result = { checkpoint: name, namespace: cluster.namespace, pod: pod.name, ...stored };
    await printResult(
      result,
      flags.output,
      () => `PodCheckpoint ${name} is made; to restore it: fermata resume pod/${pod.name} -n ${cluster.namespace}\n`,
    );
  });
}

/** An upload under a name of the user's goes on when it is tried again after a failure; one that was interrupted is given up. */
async function upload(directory: string, place: Place, flags: TakeFlags, signal: AbortSignal): Promise<StoredArchive> {
  const { url, keys: folder, ...name } = place;
  const keys = await readKeyFolder(folder, flags.encryptTo ?? []);
  const clock = new SystemClock();
  const progress = new TransferProgress('storing');
  try {
    return await withStore(url, async (store) => {
      const createdAt = rfc3339(clock.now());
      const request = { ...name, directory, createdAt, signal, onProgress: progress.show };
      try {
        return await new CheckpointArchive({ store, clock, keys }).upload(request);
      } catch (error) {
        if (signal.aborted || flags.as === undefined) await discardUpload(store, name, new AbortController().signal);
        throw error;
      }
    });
  } finally {
    progress.stop();
  }
}

function inFolder(name: string, directory: string): string {
  return `Container ${name} is in ${directory}.\n`;
}
