import { type CheckpointEntry, type CheckpointFiles, DRAFT_SUFFIX } from './checkpoint-files.ts';
import { plainDigest } from './content-digest.ts';
import type { DigestsAhead } from './digests-ahead.ts';
import { diskFiles } from './disk-files.ts';
import { corrupt, incomplete, missing } from './errors.ts';
import {
  type ContainerStatistics,
  decodeManifest,
  encodeManifest,
  MANIFEST_FILE,
  MANIFEST_FORMAT,
  MANIFEST_MAX_BYTES,
  type Manifest,
  type ManifestFile,
} from './manifest-format.ts';

export interface CheckpointMetadata {
  /** RFC 3339, from the caller's clock. */
  createdAt: string;
  containers: readonly ContainerStatistics[];
  /** Anything the caller wants to find again, e.g. the pod's name and UID. Default: nothing. */
  metadata?: Readonly<Record<string, string>>;
}

export interface ManifestOptions {
  signal?: AbortSignal;
  /** Default: this machine's disk. */
  files?: CheckpointFiles;
  /** See {@link CheckpointFiles.digests}. */
  onDigested?: (bytes: number) => void;
}

export interface SealOptions extends ManifestOptions {
  /** What was digested since the images were complete. */
  ahead?: DigestsAhead;
}

/**
 * Ends a dump: digests every file of the directory and writes `manifest.json` (0600) beside them in one step. A
 * directory without a manifest is no checkpoint; sealing again replaces the manifest.
 *
 * Nothing is forced to the disk here: that takes another 95–130 ms for 256 MiB while a preemptor waits. The crash of a
 * process loses nothing by it, and after a power failure the digests tell a torn checkpoint from a whole one. Call
 * `CheckpointFiles.flush` once nobody waits any more.
 *
 * Throws FermataError `CheckpointIncomplete` (no such directory, or nothing in it) or `CheckpointCorrupt` (symbolic
 * links, devices, or a file that changes meanwhile).
 */
export async function sealCheckpoint(
  directory: string,
  metadata: CheckpointMetadata,
  options: SealOptions = {},
): Promise<Manifest> {
  const files = options.files ?? diskFiles;
  // A draft of an earlier seal that a crash cut: the write below takes its place.
  const present = (await filesIn(files, directory)).filter(({ path }) => path !== `${MANIFEST_FILE}${DRAFT_SUFFIX}`);
  if (present.length === 0) throw incomplete(directory, 'the dump left no file');
  const digests = await digestsOf(files, directory, present, options);
  const manifest = {
    formatVersion: MANIFEST_FORMAT,
    createdAt: metadata.createdAt,
    metadata: metadata.metadata ?? {},
    containers: metadata.containers.map((container) => statisticsOf(container)),
    files: present.map(({ path, sizeBytes }, index) => ({ path, sizeBytes, digest: digests[index] ?? '' })),
  } as const;
  const bytes = encodeManifest(manifest);
  decodeManifest(directory, bytes);
  options.signal?.throwIfAborted();
  await files.write(directory, MANIFEST_FILE, bytes);
  return { ...manifest, digest: plainDigest(bytes) };
}

/**
 * Checks a checkpoint of unknown condition against its manifest, and the manifest against `expectedDigest` when given.
 * Throws FermataError `CheckpointIncomplete` (directory, manifest or file missing, file too short), `CheckpointCorrupt`
 * (a file altered, too long, added, or no regular file; not the manifest that was expected), `ManifestUnreadable`.
 */
export async function verifyCheckpoint(
  directory: string,
  expectedDigest?: string,
  options: ManifestOptions = {},
): Promise<Manifest> {
  const files = options.files ?? diskFiles;
  const present = await filesIn(files, directory);
  const manifest = await readManifest(directory, options);
  if (expectedDigest !== undefined && manifest.digest !== expectedDigest) {
    throw corrupt(directory, MANIFEST_FILE, `its digest is ${manifest.digest}, expected ${expectedDigest}`);
  }
  checkNamesAndSizes(directory, manifest.files, present);
  const digests = await files.digests(directory, manifest.files, options.signal, options.onDigested);
  for (const [index, { path, digest }] of manifest.files.entries()) {
    if (digests[index] !== digest) {
      throw corrupt(directory, path, `it was altered: its digest is ${digests[index]}, expected ${digest}`);
    }
  }
  return manifest;
}

/** The manifest alone, without looking at the files it names. Throws as {@link verifyCheckpoint}. */
export async function readManifest(directory: string, options: ManifestOptions = {}): Promise<Manifest> {
  const bytes = await (options.files ?? diskFiles).read(directory, MANIFEST_FILE, MANIFEST_MAX_BYTES);
  options.signal?.throwIfAborted();
  return { ...decodeManifest(directory, bytes), digest: plainDigest(bytes) };
}

function checkNamesAndSizes(
  directory: string,
  expected: readonly ManifestFile[],
  present: readonly CheckpointEntry[],
): void {
  const found = new Map(present.map((entry) => [entry.path, entry]));
  for (const { path, sizeBytes } of expected) {
    const entry = found.get(path);
    if (entry === undefined) throw missing(directory, path);
    if (entry.sizeBytes < sizeBytes) {
      throw incomplete(directory, `${path} was cut: it has ${entry.sizeBytes} of ${sizeBytes} bytes`);
    }
    if (entry.sizeBytes > sizeBytes)
      throw corrupt(directory, path, `it has ${entry.sizeBytes} bytes, not ${sizeBytes}`);
    found.delete(path);
  }
  for (const path of found.keys()) throw corrupt(directory, path, 'it was added after the checkpoint was sealed');
}

/** In the order of `entries`; what was digested ahead is not read again. */
async function digestsOf(
  files: CheckpointFiles,
  directory: string,
  entries: readonly CheckpointEntry[],
  { ahead, signal }: SealOptions,
): Promise<string[]> {
  const known = new Map<string, string>();
  for (const { path } of entries) {
    const digest = await ahead?.digestOf(path);
    if (digest !== undefined) known.set(path, digest);
  }
  const rest = entries.filter(({ path }) => !known.has(path));
  const digests = await files.digests(directory, rest, signal);
  for (const [index, { path }] of rest.entries()) known.set(path, digests[index] ?? '');
  return entries.map(({ path }) => known.get(path) ?? '');
}

/** Regular files but the manifest; anything else than files and folders is refused. */
async function filesIn(files: CheckpointFiles, directory: string): Promise<CheckpointEntry[]> {
  const entries = await files.list(directory);
  if (entries === undefined) throw incomplete(directory, 'there is no such directory');
  for (const { path, kind } of entries) {
    if (kind === 'symlink') throw corrupt(directory, path, 'it is a symbolic link, which a checkpoint never holds');
    if (kind === 'other') throw corrupt(directory, path, 'it is neither a file nor a folder');
  }
  return entries.filter(({ path, kind }) => kind === 'file' && path !== MANIFEST_FILE);
}

/** Only the statistics, whatever else the caller's object carries. */
function statisticsOf(container: ContainerStatistics): ContainerStatistics {
  const { name, image, sizeBytes } = container;
  const { freezingMicroseconds, frozenMicroseconds, memdumpMicroseconds, memwriteMicroseconds } = container;
  return {
    name,
    image,
    sizeBytes,
    freezingMicroseconds,
    frozenMicroseconds,
    memdumpMicroseconds,
    memwriteMicroseconds,
  };
}
