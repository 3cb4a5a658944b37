import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Clock } from '../../clock/index.ts';
import { checkKey } from './blob-key.ts';
import type { BlobStore, Sweepable } from './blob-store.ts';
import { blobNotFound, blobTruncated, storeFull } from './errors.ts';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** What is being written lies here, on the same file system; no key has a `~`. */
const DRAFTS = '~drafts';
/** Large enough that a network file system is asked seldom, small beside the 256 MiB that an archive may use. */
const READ_BYTES = 1024 * 1024;

/**
 * Blobs as files below a folder: a disk, a mounted volume, NFS. A blob is written beside, flushed, renamed to its place, and the
 * folder flushed: all that NFS promises too. No key may be another's folder (`a` beside `a/b`).
 */
export class DirectoryStore implements BlobStore, Sweepable {
  readonly url: string;
  readonly #root: string;
  readonly #clock: Pick<Clock, 'now'>;

  /** `root`: absolute; made when it is first written to. */
  constructor(dependencies: { clock: Pick<Clock, 'now'> }, root: string) {
    this.#clock = dependencies.clock;
    this.#root = root;
    this.url = pathToFileURL(root).href;
  }

  async put(
    key: string,
    body: AsyncIterable<Uint8Array> | Uint8Array,
    options: { ifAbsent?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    checkKey(key);
    options.signal?.throwIfAborted();
    if (options.ifAbsent === true && (await this.head(key)) !== undefined) return;
    const target = join(this.#root, key);
    await this.#makeFolder(join(this.#root, DRAFTS));
    const draft = join(this.#root, DRAFTS, randomUUID());
    try {
      const handle = await open(draft, 'wx', FILE_MODE);
      try {
        for await (const piece of body instanceof Uint8Array ? [body] : body)
          await write(handle, piece, options.signal);
        options.signal?.throwIfAborted();
        await handle.sync();
      } finally {
        await handle.close();
      }
      await this.#makeFolder(dirname(target));
      await rename(draft, target);
      await flushFolder(dirname(target));
    } catch (error) {
      await rm(draft, { force: true });
      throw isFull(error) ? storeFull(this.url, key, error) : error;
    }
  }

  async *get(
    key: string,
    options: { start?: number; end?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array, void> {
    checkKey(key);
    options.signal?.throwIfAborted();
    const handle = await this.#open(key);
    try {
      const { size } = await handle.stat();
      const end = Math.min(options.end ?? size, size);
      let position = options.start ?? 0;
      while (position < end) {
        options.signal?.throwIfAborted();
        const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position));
        const { bytesRead } = await handle.read(piece, 0, piece.length, position);
        if (bytesRead === 0) throw blobTruncated(this.url, key, position, size);
        position += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  async head(key: string, signal?: AbortSignal): Promise<{ size: number; modified: number } | undefined> {
    checkKey(key);
    signal?.throwIfAborted();
    return this.#look(key);
  }

  async *list(
    prefix: string,
    signal?: AbortSignal,
  ): AsyncGenerator<{ key: string; size: number; modified: number }, void> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    yield* this.#listBelow(folder, prefix, signal);
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    checkKey(key);
    signal?.throwIfAborted();
    const path = join(this.#root, key);
    await rm(path, { force: true });
    await flushFolder(dirname(path)).catch(unlessMissing);
  }

  async close(): Promise<void> {}

  async sweep(olderThanMilliseconds: number): Promise<number> {
    const folder = join(this.#root, DRAFTS);
    let freedBytes = 0;
    for (const name of (await readdir(folder).catch(unlessMissing)) ?? []) {
      const found = await stat(join(folder, name)).catch(unlessMissing);
      if (found === undefined || this.#clock.now() - found.mtimeMs < olderThanMilliseconds) continue;
      await rm(join(folder, name), { force: true });
      freedBytes += found.size;
    }
    return freedBytes;
  }

  async #open(key: string): Promise<FileHandle> {
    try {
      return await open(join(this.#root, key), constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      throw isMissing(error) ? blobNotFound(this.url, key, error) : error;
    }
  }

  async #look(key: string): Promise<{ size: number; modified: number } | undefined> {
    const found = await stat(join(this.#root, key)).catch(unlessMissing);
    return found?.isFile() ? { size: found.size, modified: found.mtimeMs } : undefined;
  }

  async *#listBelow(
    folder: string,
    prefix: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<{ key: string; size: number; modified: number }, void> {
    const entries = await readdir(join(this.#root, folder), { withFileTypes: true }).catch(unlessMissing);
    for (const entry of entries ?? []) {
      signal?.throwIfAborted();
      const key = `${folder}${entry.name}`;
      if (key === DRAFTS) continue;
      if (entry.isDirectory()) {
        if (key.startsWith(prefix) || prefix.startsWith(`${key}/`)) yield* this.#listBelow(`${key}/`, prefix, signal);
      } else if (key.startsWith(prefix)) {
        const found = await this.#look(key); // gone meanwhile, when it is undefined
        if (found !== undefined) yield { key, ...found };
      }
    }
  }

  /** With its parents, each new one flushed into the one above it: else a crash may take a whole folder along. */
  async #makeFolder(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true, mode: DIRECTORY_MODE });
    if (first === undefined) return;
    for (let made = folder; made.length >= first.length; made = dirname(made)) await flushFolder(dirname(made));
  }
}

async function write(handle: FileHandle, piece: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  for (let offset = 0; offset < piece.length; ) {
    offset += (await handle.write(piece, offset)).bytesWritten;
  }
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR');
}

/** For a promise's `catch`: nothing there is no error. */
function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
  return undefined;
}

function isFull(error: unknown): boolean {
  return hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT') || hasCode(error, 'EFBIG');
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
