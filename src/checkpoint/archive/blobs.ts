import { FermataError } from '../../model/index.ts';
import type { BlobStore } from '../stores/blob-store.ts';

import { allocateLarge, free } from './free.ts';

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
  const blob = allocateLarge(head.size);
  let length = 0;
  try {
    for await (const piece of store.get(key, { signal })) {
      const begin = length;
      length += piece.length;
      if (length > head.size) break;
      blob.set(piece, begin);
      free(piece);
    }
  } catch (error) {
    if (error instanceof FermataError && error.code === 'BlobNotFound') return undefined;
    throw error;
  }
  if (length !== head.size) throw new RangeError(`the store gave ${length} bytes, and said it has ${head.size}`);
  return blob;
}
