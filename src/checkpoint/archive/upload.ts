import { createHash, type KeyObject } from 'node:crypto';
import type { Clock } from '../../clock/index.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import type { ArchiveKeys } from './archive-keys.ts';
import { baseArchive } from './base-archive.ts';
import { chunkIdKey } from './chunk-id.ts';
import { isStored, putClaim } from './claim.ts';
import { type Codec, InlineCodec, ThreadedCodec } from './codec.ts';
import { type ArchiveLayout, DEFAULT_LAYOUT, THREADED_BYTES } from './constants.ts';
import { type ArchiveContents, type ArchiveFile, RunBuilder, type Segment } from './contents.ts';
import { dataKeyFor } from './data-key.ts';
import { EarlierFiles } from './earlier-files.ts';
import { archiveCorrupt } from './errors.ts';
import { free } from './free.ts';
import { KnownChunks } from './known-chunks.ts';
import { type ArchiveName, checkName, claimKey, manifestKey, segmentKey } from './names.ts';
import { type ArchiveProgress, ProgressMeter } from './progress.ts';
import { RecordBuilder } from './record-builder.ts';
import { scanFiles } from './scan.ts';
import { sealManifest, type VerifiedManifest } from './sealed-manifest.ts';
import { earlierSegments } from './segment-check.ts';
import { SegmentWriter } from './segment-writer.ts';
import { SlotPool } from './slot.ts';
import { type SourceFile, sourceFiles } from './source-files.ts';
import { storedKeyFile, storedManifest } from './stored-manifest.ts';

export interface UploadParts {
  store: BlobStore;
  clock: Pick<Clock, 'monotonic'>;
  keys: ArchiveKeys;
  /** Default: records of 512 KiB, 15 in a segment. */
  layout?: ArchiveLayout;
}

export interface UploadRequest extends ArchiveName {
  /** Absolute; nothing in it changes meanwhile. */
  directory: string;
  /** RFC 3339, of the checkpoint. */
  createdAt: string;
  /** Default: nothing. */
  metadata?: Readonly<Record<string, string>>;
  /** Archives of the same tenant that hold much of the same, the likeliest first. Default: none. */
  basedOn?: readonly string[];
  /** Where the files of one of `basedOn` still lie on this node, as they were archived. Default: nowhere. */
  directoryOf?: (archive: string) => string | undefined;
  /** Default: true. */
  compress?: boolean;
  signal: AbortSignal;
  onProgress?: (progress: ArchiveProgress) => void;
  /** Told why an archive of `basedOn` was not used. */
  onSkipped?: (archive: string, reason: string) => void;
}

/** An archive that is in the store whole, and was read back. */
export interface StoredArchive {
  /** `sha256:` and 64 hex digits of its manifest, which names everything else by digest. */
  digest: string;
  /** All that it refers to, in the store; shared segments count in each archive. */
  sizeBytes: number;
  /** What this upload sent; 0 when the archive was there already. */
  sentBytes: number;
  encrypted: boolean;
}

/**
 * Brings a checkpoint's directory to the store: what the store does not have yet is compressed, encrypted and sent, then the signed
 * manifest, and with that the archive is there, whole. At most 256 MiB of memory, however large it is.
 *
 * Rejects with the signal's reason when it is aborted; what was sent stays, and the next call with the same name goes on from there.
 * To give it up, call `discardUpload`. Throws FermataError `CheckpointCorrupt`, `CheckpointIncomplete` (the directory),
 * `ArchiveCorrupt` (the store gives back something else than it was given), and what the store throws.
 */
export async function uploadArchive(parts: UploadParts, request: UploadRequest): Promise<StoredArchive> {
  checkName(request);
  const { store, keys } = parts;
  const { signal } = request;
  const there = await storedManifest(store, request, keys, signal);
  if (there !== undefined) {
    await store.delete(claimKey(request), signal);
    return storedArchive(there, 0);
  }
  const source = await sourceFiles(request.directory);
  const totalBytes = source.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const chunkKey = chunkIdKey(keys.chunkSecret, request.tenant);
  const codec = totalBytes < THREADED_BYTES ? new InlineCodec(chunkKey) : new ThreadedCodec(chunkKey);
  try {
    return await upload(parts, request, source, totalBytes, codec);
  } finally {
    await codec.close();
  }
}

async function upload(
  { store, clock, keys, layout = DEFAULT_LAYOUT }: UploadParts,
  request: UploadRequest,
  source: { directories: string[]; files: SourceFile[] },
  totalBytes: number,
  codec: Codec,
): Promise<StoredArchive> {
  const { signal, directory, compress = true } = request;
  const { recordBytes, segmentRecords } = layout;
  const wrapped = await dataKeyFor(store, request, keys, signal);
  const dataKey = wrapped?.key;
  const known = new KnownChunks();
  const base = await learnBase(store, request, keys, known);
  const scanned = new SlotPool(codec.width + 1);
  for (const segment of await earlierSegments(store, request, { codec, pool: scanned, dataKey, signal })) {
    known.addSegment(segment);
  }
  const progress = new ProgressMeter(clock, totalBytes, request.onProgress);
  const writer = new SegmentWriter({ store, clock, codec, known }, request, {
    dataKey,
    compress,
    segmentRecords,
    signal,
  });
  const builder = new RecordBuilder(
    { known, writer },
    { scanned, collected: new SlotPool(codec.width + 1) },
    { recordBytes },
  );
  try {
    const reading = { codec, pool: scanned, recordBytes, signal, earlier: base.files };
    for await (const block of scanFiles(directory, source.files, reading)) {
      const { length } = block;
      await builder.add(block);
      progress.add(length);
    }
    await builder.finish();
    await writer.finish();
  } finally {
    await writer.settle();
  }
  const { segments, renumber } = known.needed(isOwn(request));
  await checkShared(store, request, segments, signal);
  const files: ArchiveFile[] = source.files.map((file) => ({
    ...file,
    runs: (builder.runsOf(file) ?? new RunBuilder()).finish(renumber),
  }));
  const { createdAt, metadata = {} } = request;
  const contents = {
    createdAt,
    generation: base.generation,
    metadata,
    directories: source.directories,
    files,
    segments,
  };
  const digest = await putManifest(store, request, contents, { dataKey, signingKey: keys.signingKey });
  const keyFile = dataKey === undefined ? undefined : await storedKeyFile(store, request, signal);
  if (wrapped !== undefined && keyFile?.equals(wrapped.file) !== true) {
    await store.delete(manifestKey(request), signal);
    throw archiveCorrupt(named(request), 'its key file is gone, or another one: somebody else writes the same archive');
  }
  await store.delete(claimKey(request), signal);
  const sizeBytes = digest.sizeBytes + segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  return {
    digest: digest.digest,
    sizeBytes,
    sentBytes: writer.sentBytes + digest.sizeBytes,
    encrypted: dataKey !== undefined,
  };
}

/** Piece by piece, there and back: the manifest of a large archive has as many bytes as memory is to spare. */
async function putManifest(
  store: BlobStore,
  request: UploadRequest,
  contents: ArchiveContents,
  keys: { dataKey: Uint8Array | undefined; signingKey: KeyObject },
): Promise<{ digest: string; sizeBytes: number }> {
  const { tenant, archive, signal } = request;
  const put = createHash('sha256');
  let sizeBytes = 0;
  async function* body(): AsyncGenerator<Uint8Array, void> {
    for (const piece of sealManifest({ tenant, archive }, contents, keys)) {
      put.update(piece);
      sizeBytes += piece.length;
      yield piece;
    }
  }
  await store.put(manifestKey(request), body(), { signal });
  const got = createHash('sha256');
  for await (const piece of store.get(manifestKey(request), { signal })) {
    got.update(piece);
    free(piece);
  }
  const digest = put.digest('hex');
  if (got.digest('hex') !== digest) {
    await store.delete(manifestKey(request), signal);
    throw archiveCorrupt(named(request), 'the store gives back another manifest than it was given');
  }
  return { digest: `sha256:${digest}`, sizeBytes };
}

/** Makes the claim, then the chunks of the archive this one is based on known: before any others, so that records have its numbers. */
async function learnBase(
  store: BlobStore,
  request: UploadRequest,
  keys: ArchiveKeys,
  known: KnownChunks,
): Promise<{ generation: number; files?: EarlierFiles }> {
  const { tenant, basedOn = [], signal, onSkipped = () => undefined, directoryOf } = request;
  const base = await baseArchive(store, tenant, basedOn, keys, signal, onSkipped);
  await putClaim(store, request, base?.contents.segments.map(({ name }) => name) ?? [], signal);
  if (base === undefined) return { generation: 0 };
  // Somebody may have removed it before the claim could be seen.
  if (!(await isStored(store, { tenant, archive: base.archive }, signal))) {
    onSkipped(base.archive, 'it was removed meanwhile');
    return { generation: 0 };
  }
  for (const segment of base.contents.segments) known.addSegment(segment);
  const generation = base.contents.generation + 1;
  const directory = directoryOf?.(base.archive);
  return directory === undefined
    ? { generation }
    : { generation, files: new EarlierFiles(directory, base.contents.files) };
}

/** Segments of older archives were verified when they were written; that they are still there is looked at. */
async function checkShared(
  store: BlobStore,
  request: UploadRequest,
  segments: readonly Segment[],
  signal: AbortSignal,
): Promise<void> {
  const shared = segments.filter((segment) => !isOwn(request)(segment));
  for (const { name, sizeBytes } of shared) {
    const head = await store.head(segmentKey(request.tenant, name), signal);
    if (head?.size === sizeBytes) continue;
    const what = head === undefined ? 'is gone' : `has ${head.size} bytes, not ${sizeBytes}`;
    throw archiveCorrupt(named(request), `segment ${name}, of the archive it is based on, ${what}`);
  }
}

function isOwn({ archive }: ArchiveName): (segment: Segment) => boolean {
  return ({ name }) => name.startsWith(`${archive}/`);
}

function storedArchive({ digest, sizeBytes, header }: VerifiedManifest, sentBytes: number): StoredArchive {
  const segmentBytes = header.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  return { digest, sizeBytes: sizeBytes + segmentBytes, sentBytes, encrypted: header.encryption !== 'none' };
}

function named({ tenant, archive }: ArchiveName): string {
  return `${tenant}/${archive}`;
}
