import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { reasonOf } from '../../model/index.ts';
import { diskFiles } from '../disk-files.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import type { ArchiveKeys } from './archive-keys.ts';
import { chunkIdKey } from './chunk-id.ts';
import { type Codec, InlineCodec, ThreadedCodec } from './codec.ts';
import { THREADED_BYTES } from './constants.ts';
import { type ArchiveContents, RUN_NUMBERS } from './contents.ts';
import { archiveCorrupt, archiveMissing } from './errors.ts';
import { type PlannedRecord, planFetch } from './fetch-plan.ts';
import { type ArchiveName, checkName } from './names.ts';
import { type ArchiveProgress, ProgressMeter } from './progress.ts';
import { RecordFetcher } from './record-fetcher.ts';
import { SlotPool } from './slot.ts';
import { storedContents, storedManifest } from './stored-manifest.ts';

/** What is being fetched lies beside its place, under this name. */
export const FETCH_SUFFIX = '.fetching';
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

export interface DownloadParts {
  store: BlobStore;
  clock: Pick<Clock, 'monotonic'>;
  keys: Pick<ArchiveKeys, 'chunkSecret' | 'trustedSigners' | 'identities'>;
}

export interface DownloadRequest extends ArchiveName {
  /** Absolute; what is there is replaced. */
  directory: string;
  /** Of the manifest, as `uploadArchive` gave it: an older manifest put in its place is refused. Default: any that is signed. */
  digest?: string;
  signal: AbortSignal;
  onProgress?: (progress: ArchiveProgress) => void;
}

/**
 * Brings an archive back into a directory that only its owner can enter. It appears there whole, flushed and verified to the last
 * chunk, or not at all; what a killed process left beside it is replaced by the next try. At most 256 MiB of memory.
 *
 * Throws FermataError `ArchiveMissing`, `ArchiveCorrupt` (altered, cut, swapped, replayed, or signed by nobody who is trusted),
 * `ArchiveKeyUnavailable` (none of the identities is a recipient), and what store and disk throw.
 */
export async function downloadArchive(parts: DownloadParts, request: DownloadRequest): Promise<void> {
  checkName(request);
  const { store, keys } = parts;
  const { signal, directory } = request;
  const contents = await contentsOf(parts, request);
  const chunkKey = chunkIdKey(keys.chunkSecret, request.tenant);
  const storedBytes = contents.segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const codec = storedBytes < THREADED_BYTES ? new InlineCodec(chunkKey) : new ThreadedCodec(chunkKey);
  const draft = `${directory}${FETCH_SUFFIX}`;
  try {
    await rm(draft, { recursive: true, force: true });
    await makeFiles(draft, contents, signal);
    await fetchRecords({ store, codec, clock: parts.clock }, request, contents, draft);
    await diskFiles.flush(draft, signal);
    signal.throwIfAborted();
    await rm(directory, { recursive: true, force: true });
    await rename(draft, directory);
    await syncFolder(dirname(directory));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  } finally {
    await codec.close();
  }
}

async function contentsOf({ store, keys }: DownloadParts, request: DownloadRequest): Promise<ArchiveContents> {
  const { digest, signal } = request;
  const manifest = await storedManifest(store, request, keys, signal);
  if (manifest === undefined) throw archiveMissing(named(request), 'the store has no such archive');
  if (digest !== undefined && manifest.digest !== digest) {
    throw archiveCorrupt(
      named(request),
      `its manifest is ${manifest.digest}, not ${digest}: an older one, or another's`,
    );
  }
  return storedContents(store, request, manifest, keys, signal);
}

/** Empty files of their final length: chunks come in the order they are stored in, and zeros are not written at all. */
async function makeFiles(draft: string, { directories, files }: ArchiveContents, signal: AbortSignal): Promise<void> {
  await mkdir(draft, { recursive: true, mode: DIRECTORY_MODE });
  for (const path of directories) await mkdir(join(draft, path), { mode: DIRECTORY_MODE });
  for (const { path, sizeBytes } of files) {
    signal.throwIfAborted();
    const handle = await open(join(draft, path), 'wx', FILE_MODE);
    try {
      await handle.truncate(sizeBytes);
    } finally {
      await handle.close();
    }
  }
}

async function fetchRecords(
  { store, codec, clock }: { store: BlobStore; codec: Codec; clock: Pick<Clock, 'monotonic'> },
  request: DownloadRequest,
  contents: ArchiveContents,
  draft: string,
): Promise<void> {
  const { signal, onProgress } = request;
  const totalBytes = contents.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const progress = new ProgressMeter(clock, totalBytes, onProgress);
  progress.add(zeroBytes(contents));
  const pool = new SlotPool(codec.width + 2);
  const fetcher = new RecordFetcher({ store, codec, pool }, request, { directory: draft, signal });
  try {
    let batch: PlannedRecord[] = [];
    for (const planned of plan(request, contents)) {
      signal.throwIfAborted();
      if (batch[0] !== undefined && batch[0].segment !== planned.segment) {
        await fetcher.fetch(batch, (bytes) => progress.add(bytes));
        batch = [];
      }
      batch.push(planned);
    }
    await fetcher.fetch(batch, (bytes) => progress.add(bytes));
    await fetcher.finish();
  } finally {
    await fetcher.settle();
  }
}

function* plan(request: DownloadRequest, contents: ArchiveContents): Generator<PlannedRecord, void> {
  try {
    yield* planFetch(contents);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw archiveCorrupt(named(request), `its manifest: ${reasonOf(error)}`, error);
  }
}

function zeroBytes({ files }: ArchiveContents): number {
  let bytes = 0;
  for (const { runs, chunkBytes } of files) {
    for (let at = 0; at < runs.length; at += RUN_NUMBERS) if (runs[at + 1] === 0) bytes += (runs[at] ?? 0) * chunkBytes;
  }
  return bytes;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function named({ tenant, archive }: ArchiveName): string {
  return `${tenant}/${archive}`;
}
