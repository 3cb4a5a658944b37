import { FermataError } from '../../model/index.ts';
import type { BlobStore } from '../stores/blob-store.ts';

import { free } from './free.ts';

/** The whole blob, or undefined when it is absent. Throws RangeError when it is longer than `maxBytes`, or not as long as it is said to be. */
export async function readBlob(
  store: BlobStore,
  key: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const head = await store.head(key, signal);
  if (head === undefined) return undefined;
  if (head.size > maxBytes) throw new RangeError(`it has ${head.size} bytes, more than the ${maxBytes} it may have`);
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of store.get(key, { signal })) {
      length += piece.length;
      if (length > head.size) break;
      pieces.push(piece);
    }
  } catch (error) {
    if (error instanceof FermataError && error.code === 'BlobNotFound') return undefined;
    throw error;
  }
  if (length !== head.size) throw new RangeError(`the store gave ${length} bytes, and said it has ${head.size}`);
  const blob = Buffer.concat(pieces, length);
  for (const piece of pieces) free(piece);
  return blob;
}
