import { checkKey } from './blob-key.ts';
import type { BlobStore } from './blob-store.ts';
import { blobNotFound } from './errors.ts';

interface Blob {
  bytes: Uint8Array;
  modified: number;
}

/** Blobs in memory: for tests and runs in virtual time. */
export class MemoryStore implements BlobStore {
  readonly url = 'memory:';
  readonly #blobs = new Map<string, Blob>();
  readonly #now: () => number;

  /** `now`: in ms since the epoch, for `modified`; default: always 0. */
  constructor(now: () => number = () => 0) {
    this.#now = now;
  }

  async put(
    key: string,
    body: AsyncIterable<Uint8Array> | Uint8Array,
    options: { ifAbsent?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    checkKey(key);
    options.signal?.throwIfAborted();
    if (options.ifAbsent === true && this.#blobs.has(key)) return;
    const pieces: Uint8Array[] = [];
    if (body instanceof Uint8Array) pieces.push(body);
    else {
      for await (const piece of body) {
        options.signal?.throwIfAborted();
        pieces.push(piece);
      }
    }
    this.#blobs.set(key, { bytes: new Uint8Array(Buffer.concat(pieces)), modified: this.#now() });
  }

  async *get(
    key: string,
    { start = 0, end, signal }: { start?: number; end?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array, void> {
    checkKey(key);
    signal?.throwIfAborted();
    const blob = this.#blobs.get(key);
    if (blob === undefined) throw blobNotFound(this.url, key);
    const wanted = blob.bytes.slice(start, end);
    if (wanted.length > 0) yield wanted;
  }

  async head(key: string, signal?: AbortSignal): Promise<{ size: number; modified: number } | undefined> {
    checkKey(key);
    signal?.throwIfAborted();
    const blob = this.#blobs.get(key);
    return blob === undefined ? undefined : { size: blob.bytes.length, modified: blob.modified };
  }

  async *list(
    prefix: string,
    signal?: AbortSignal,
  ): AsyncGenerator<{ key: string; size: number; modified: number }, void> {
    for (const [key, { bytes, modified }] of [...this.#blobs]) {
      signal?.throwIfAborted();
      if (key.startsWith(prefix)) yield { key, size: bytes.length, modified };
    }
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    checkKey(key);
    signal?.throwIfAborted();
    this.#blobs.delete(key);
  }

  async close(): Promise<void> {}
}
