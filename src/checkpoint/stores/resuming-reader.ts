import { blobTruncated } from './errors.ts';

/** How often a read that was cut is taken up where it ended, without a byte in between. */
const FRUITLESS_ATTEMPTS = 4;

export interface Opened {
  /** Of the whole blob. */
  size: number;
  /** From the first byte that was asked for on. */
  body: AsyncIterable<Uint8Array>;
}

/**
 * Bytes `start` up to `end` of a blob over connections that may be cut: each time `open` is asked for the rest. `open`
 * resolves to undefined when there is nothing from that byte on. Throws FermataError `BlobTruncated` when the store keeps
 * sending less than it promised, or changes the blob's size; what `open` throws when the store cannot be reached.
 */
export async function* readResuming(
  source: { url: string; key: string; open: (start: number) => Promise<Opened | undefined> },
  range: { start?: number; end?: number; signal?: AbortSignal },
): AsyncGenerator<Uint8Array, void> {
  let position = range.start ?? 0;
  let size: number | undefined;
  for (let fruitless = 0; ; fruitless++) {
    range.signal?.throwIfAborted();
    const opened = await source.open(position);
    if (opened === undefined) {
      if (size !== undefined) throw blobTruncated(source.url, source.key, position, size);
      return;
    }
    if (size !== undefined && size !== opened.size) throw blobTruncated(source.url, source.key, position, size);
    size = opened.size;
    const end = Math.min(range.end ?? size, size);
    let cause: unknown;
    try {
      for await (const piece of opened.body) {
        range.signal?.throwIfAborted();
        if (piece.length === 0) continue;
        if (position + piece.length > end) throw blobTruncated(source.url, source.key, position + piece.length, end);
        position += piece.length;
        fruitless = 0;
        yield piece;
      }
    } catch (error) {
      range.signal?.throwIfAborted();
      if (!isCut(error)) throw error;
      cause = error;
    }
    if (position >= end) return;
    if (fruitless >= FRUITLESS_ATTEMPTS) throw blobTruncated(source.url, source.key, position, end, cause);
  }
}

/** What sockets and HTTP parsers say when a body ends early. */
function isCut(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(?:ECONNRESET|EPIPE|ETIMEDOUT|ERR_STREAM_PREMATURE_CLOSE|UND_ERR_\w+)$/.test(code) || saysAborted(error);
}

function saysAborted(error: unknown): boolean {
  return error instanceof Error && /aborted|terminated|other side closed/.test(error.message);
}
