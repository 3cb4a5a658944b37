import { mkdir, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { reasonOf } from '../../model/index.ts';
import { verifyCriuImages } from '../criu-images.ts';
import { diskFiles } from '../disk-files.ts';
import { belongsToLayout, type ContainerConfiguration, namesIn, type PodIdentity } from './container-files.ts';
import { description } from './description.ts';
import { archiveRefused } from './errors.ts';
import { readTar, TAR_LIMITS, type TarEntry } from './tar-reader.ts';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const DRAFT_SUFFIX = '.importing';
/** Left free on the disk that is unpacked to: others write there too. */
const SPARE = 0.05;
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

export interface ImportedContainer {
  name: string;
  configuration: ContainerConfiguration;
  /** As `spec.dump` tells; undefined for a container that was in no pod. */
  pod?: PodIdentity;
}

/**
 * Takes an archive of one container, made by Podman, a kubelet's runtime, checkpointctl or {@link exportContainer} and compressed
 * with zstd, gzip or not at all, into `directory`, which is made: `<container>/config.dump` … It appears there whole and
 * looked through (CRIU's images fit together), or not at all. Throws FermataError `ArchiveRefused`, `CheckpointIncomplete`,
 * `CheckpointExists`.
 */
export async function importContainer(
  source: AsyncIterable<Uint8Array>,
  directory: string,
  signal?: AbortSignal,
): Promise<ImportedContainer> {
  const draft = `${directory}${DRAFT_SUFFIX}`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: DIRECTORY_MODE });
  try {
    const { bavail, bsize } = await statfs(draft);
    const limits = { ...TAR_LIMITS, totalBytes: Math.floor(bavail * bsize * (1 - SPARE)) };
    const unpacked = join(draft, 'unpacked');
    await mkdir(unpacked, { mode: DIRECTORY_MODE });
    for await (const entry of readTar(await decompressed(source), limits)) {
      signal?.throwIfAborted();
      if (belongsToLayout(entry.path)) await unpack(unpacked, entry, signal);
    }
    const configuration = await description<ContainerConfiguration>(unpacked, 'config.dump');
    const specification = await description<{ annotations?: Record<string, string> }>(unpacked, 'spec.dump');
    await verifyCriuImages(join(unpacked, 'checkpoint'));
    const { container, pod } = namesIn(specification.annotations ?? {});
    const name = folderName(container ?? configuration.name);
    await rename(unpacked, join(draft, name));
    await diskFiles.flush(draft, signal);
    await diskFiles.rename(draft, directory);
    return { name, configuration, ...(pod === undefined ? {} : { pod }) };
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

/** Whose container it was, as `spec.dump` of its folder tells. */
export async function readPodIdentity(folder: string): Promise<PodIdentity | undefined> {
  const specification = await description<{ annotations?: Record<string, string> }>(folder, 'spec.dump');
  return namesIn(specification.annotations ?? {}).pod;
}

async function unpack(folder: string, entry: TarEntry, signal: AbortSignal | undefined): Promise<void> {
  const path = join(folder, entry.path);
  if (entry.kind === 'directory') {
    await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
    return;
  }
  await mkdir(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
  const handle = await open(path, 'wx', FILE_MODE);
  try {
    for await (const piece of entry.body) {
      signal?.throwIfAborted();
      await handle.appendFile(piece);
    }
  } finally {
    await handle.close();
  }
}

/** By its first bytes; nobody's file name is believed. */
async function decompressed(source: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = source[Symbol.asyncIterator]();
  const held: Uint8Array[] = [];
  let length = 0;
  while (length < ZSTD_MAGIC.length) {
    const next = await iterator.next();
    if (next.done === true) break;
    held.push(next.value);
    length += next.value.length;
  }
  const begin = Buffer.concat(held);
  async function* whole(): AsyncGenerator<Uint8Array, void> {
    try {
      yield begin;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  const isZstd = begin.subarray(0, ZSTD_MAGIC.length).equals(ZSTD_MAGIC);
  if (!isZstd && !begin.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)) return whole();
  const raw = Readable.from(whole());
  const unpacker = isZstd ? createZstdDecompress() : createGunzip();
  raw.on('error', (error) => unpacker.destroy(error));
  unpacker.on('close', () => raw.destroy());
  return refusing(raw.pipe(unpacker));
}

async function* refusing(stream: Readable): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const piece of stream as AsyncIterable<Uint8Array>) yield piece;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!/^(?:ZSTD_|Z_|ERR_ZSTD|ERR_ZLIB)/.test(code)) throw error;
    throw archiveRefused(`it cannot be decompressed (${reasonOf(error)})`, error);
  }
}

function folderName(name: unknown): string {
  if (typeof name === 'string' && /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$/.test(name)) return name;
  throw archiveRefused(`its container has no usable name (${JSON.stringify(name)?.slice(0, 100)})`);
}
