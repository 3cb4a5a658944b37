import { hash, webcrypto } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FermataError } from '../model/index.ts';
import type { FileToDigest } from './checkpoint-files.ts';
import { CHUNK_BYTES, contentDigest } from './content-digest.ts';
import { DIGEST_THREADS, digestThreads, JOBS_A_THREAD } from './digest-threads.ts';
import { corrupt, missing } from './errors.ts';

/** So that no thread waits for its next chunk. */
const READERS = JOBS_A_THREAD * DIGEST_THREADS;
/** Threads take time to start: worth it from here on. */
const THREADED_TOTAL_BYTES = 32 * 1024 * 1024;
const THREADED_CHUNK_BYTES = 1024 * 1024;
/** Below this a hash in place is quicker than the way to the thread pool and back. */
const HASH_IN_PLACE_BYTES = 64 * 1024;

interface OpenFile {
  file: FileToDigest;
  handle: Promise<FileHandle>;
  chunkDigests: Uint8Array[];
  chunksLeft: number;
}

interface Chunk {
  index: number;
  fileIndex: number;
}

/**
 * Digests of files on disk, chunk by chunk and several at once; large ones in threads of their own.
 */
export async function digestsOnDisk(
  directory: string,
  files: readonly FileToDigest[],
  signal?: AbortSignal,
  onDigested?: (bytes: number) => void,
): Promise<string[]> {
  const opened = new Map<number, OpenFile>();
  const digests: string[] = [];
  const chunks = chunksOf(files);
  const threaded = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) >= THREADED_TOTAL_BYTES;

  const openFile = (fileIndex: number, file: FileToDigest): OpenFile => {
    const known = opened.get(fileIndex);
    if (known !== undefined) return known;
    const fresh: OpenFile = {
      file,
      handle: openRegular(directory, file.path),
      chunkDigests: [],
      chunksLeft: Math.max(1, Math.ceil(file.sizeBytes / CHUNK_BYTES)),
    };
    opened.set(fileIndex, fresh);
    return fresh;
  };

  const readChunks = async (): Promise<void> => {
    let buffer: Uint8Array<ArrayBuffer> | undefined;
    for (let next = chunks.next(); next.done !== true; next = chunks.next()) {
      signal?.throwIfAborted();
      const { fileIndex, index } = next.value;
      const file = files[fileIndex];
      if (file === undefined) return;
      const current = openFile(fileIndex, file);
      const handle = await current.handle;
      if (index === 0) await checkSize(handle, directory, file);
      const position = index * CHUNK_BYTES;
      const length = Math.min(CHUNK_BYTES, file.sizeBytes - position);
      if (threaded && length >= THREADED_CHUNK_BYTES) {
        const digest = await digestThreads.digest({ descriptor: handle.fd, position, length });
        if (digest === undefined) throw becameShorter(directory, file);
        current.chunkDigests[index] = digest;
      } else if (length > 0) {
        buffer ??= new Uint8Array(Math.min(CHUNK_BYTES, largest(files)));
        const bytes = await readFully(handle, buffer.subarray(0, length), position, directory, file);
        current.chunkDigests[index] = await sha256(bytes);
      }
      onDigested?.(length);
      current.chunksLeft -= 1;
      if (current.chunksLeft === 0) {
        opened.delete(fileIndex);
        await handle.close();
        digests[fileIndex] = contentDigest(current.chunkDigests);
      }
    }
  };

  const readers = await Promise.allSettled(Array.from({ length: READERS }, readChunks));
  for (const { handle } of opened.values()) {
    const [result] = await Promise.allSettled([handle]);
    if (result.status === 'fulfilled') await result.value.close();
  }
  for (const reader of readers) {
    if (reader.status === 'rejected') throw reader.reason;
  }
  return digests;
}

function* chunksOf(files: readonly FileToDigest[]): Generator<Chunk, undefined> {
  for (const [fileIndex, { sizeBytes }] of files.entries()) {
    const count = Math.max(1, Math.ceil(sizeBytes / CHUNK_BYTES));
    for (let index = 0; index < count; index++) yield { fileIndex, index };
  }
  return undefined;
}

function largest(files: readonly FileToDigest[]): number {
  let bytes = 1;
  for (const { sizeBytes } of files) bytes = Math.max(bytes, sizeBytes);
  return bytes;
}

/** Opens without following a link and without hanging on a FIFO. */
export async function openRegular(directory: string, path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(join(directory, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw missing(directory, path, error);
    if (code === 'ELOOP')
      throw corrupt(directory, path, 'it is a symbolic link, which a checkpoint never holds', error);
    throw error;
  }
  const { isFile } = await handle.stat().then((stat) => ({ isFile: stat.isFile() }));
  if (!isFile) {
    await handle.close();
    throw corrupt(directory, path, 'it is not a regular file');
  }
  return handle;
}

async function checkSize(handle: FileHandle, directory: string, file: FileToDigest): Promise<void> {
  const { size } = await handle.stat();
  if (size !== file.sizeBytes) throw corrupt(directory, file.path, `it has ${size} bytes, not ${file.sizeBytes}`);
}

async function readFully(
  handle: FileHandle,
  into: Uint8Array<ArrayBuffer>,
  position: number,
  directory: string,
  file: FileToDigest,
): Promise<Uint8Array<ArrayBuffer>> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) throw becameShorter(directory, file);
    filled += bytesRead;
  }
  return into;
}

function becameShorter(directory: string, { path }: FileToDigest): FermataError {
  return corrupt(directory, path, 'it became shorter while it was read');
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (bytes.length <= HASH_IN_PLACE_BYTES) return hash('sha256', bytes, 'buffer');
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes));
}
