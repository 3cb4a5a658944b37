/**
 * Named blobs; a blob is whole or absent, never half-written. Keys: `[a-z0-9._/-]+`, no `..`, ≤ 512 characters.
 *
 * A blob that `put` returned for is on stable storage and seen by every later call, also of other processes. `size` is in
 * bytes, `modified` in ms since the epoch by the store's clock (a registry has none: by the writer's). A signal's reason is thrown when it is aborted.
 */
export interface BlobStore {
  /** Without credentials. */
  readonly url: string;
  /**
   * Replaces what is there, or with `ifAbsent` leaves it as it is and reads no more of the body than it must: for blobs
   * whose name says their content. A put that failed leaves what was there before.
   */
  put(
    key: string,
    body: AsyncIterable<Uint8Array> | Uint8Array,
    options?: { ifAbsent?: boolean; signal?: AbortSignal },
  ): Promise<void>;
  /** Bytes `start` (default 0) up to, without, `end` (default: all), in pieces that are the caller's from then on. Throws FermataError `BlobNotFound`, `BlobTruncated`. */
  get(key: string, options?: { start?: number; end?: number; signal?: AbortSignal }): AsyncIterable<Uint8Array>;
  head(key: string, signal?: AbortSignal): Promise<{ size: number; modified: number } | undefined>;
  /** In no order. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<{ key: string; size: number; modified: number }>;
  /** Absent is fine. */
  delete(key: string, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** A store in which a writer that was killed leaves something that is no blob: half a file, parts of an upload. */
export interface Sweepable {
  /** Removes what was last written to longer ago than this; returns how many bytes went. */
  sweep(olderThanMilliseconds: number, signal?: AbortSignal): Promise<number>;
}
