import { openRegular } from '../disk-digests.ts';
import { corrupt } from '../errors.ts';
import type { Codec } from './codec.ts';
import type { RunCursor } from './contents.ts';
import type { EarlierFiles } from './earlier-files.ts';
import type { Slot, SlotPool } from './slot.ts';
import type { SourceFile } from './source-files.ts';

/** Part of a file: read, its chunks named. Whoever gets it gives the slot back. */
export interface Block {
  file: SourceFile;
  slot: Slot;
  position: number;
  length: number;
  /** Where chunks lie that are the same in the earlier file. */
  earlier: RunCursor | undefined;
}

interface Pending {
  block: Block;
  done: Promise<unknown>;
  /** Of the last block of a file. */
  close: (() => Promise<void>) | undefined;
}

/**
 * The files block by block, in their order; as many as `pool` has slots are read ahead, by `codec`. Throws FermataError
 * `CheckpointCorrupt` when a file is no longer as it was listed.
 */
export async function* scanFiles(
  directory: string,
  files: readonly SourceFile[],
  parts: {
    codec: Codec;
    pool: SlotPool;
    recordBytes: number;
    signal: AbortSignal;
    /** Default: none. */
    earlier?: EarlierFiles | undefined;
  },
): AsyncGenerator<Block, void> {
  const { codec, pool, recordBytes, signal } = parts;
  const pending: Pending[] = [];
  const finish = async ({ block, done, close }: Pending): Promise<Block> => {
    try {
      await done;
      signal.throwIfAborted();
      return block;
    } catch (error) {
      pool.give(block.slot);
      throw error instanceof RangeError ? corrupt(directory, block.file.path, error.message, error) : error;
    } finally {
      await close?.();
    }
  };
  try {
    for (const file of files) {
      if (file.sizeBytes === 0) continue;
      const handle = await openRegular(directory, file.path);
      const earlier = await parts.earlier?.open(file);
      const close = async (): Promise<void> => {
        await handle.close();
        await earlier?.handle.close();
      };
      let isHandedOn = false;
      try {
        const { size } = await handle.stat();
        if (size !== file.sizeBytes) throw corrupt(directory, file.path, `it has ${size} bytes, not ${file.sizeBytes}`);
        for (let position = 0; position < file.sizeBytes; position += recordBytes) {
          while (pending.length >= codec.width) {
            const first = pending.shift();
            if (first !== undefined) yield await finish(first);
          }
          signal.throwIfAborted();
          const slot = await pool.take();
          const length = Math.min(recordBytes, file.sizeBytes - position);
          isHandedOn = position + length === file.sizeBytes;
          const { chunkBytes } = file;
          const files = { descriptor: handle.fd, earlier: earlier?.handle.fd };
          const done = codec.run({ kind: 'scan', slot, ...files, position, length, chunkBytes });
          done.catch(() => undefined); // it is looked at in its turn
          const block: Block = { file, slot, position, length, earlier: earlier?.places };
          pending.push({ block, done, close: isHandedOn ? close : undefined });
        }
      } finally {
        if (!isHandedOn) {
          await Promise.allSettled(pending.map(({ done }) => done));
          await close();
        }
      }
    }
    for (let first = pending.shift(); first !== undefined; first = pending.shift()) yield await finish(first);
  } finally {
    for (const { done, close } of pending) {
      await Promise.allSettled([done]);
      await close?.();
    }
  }
}
