import { openRegular } from '../disk-digests.ts';
import { corrupt } from '../errors.ts';
import type { Codec } from './codec.ts';
import type { Slot, SlotPool } from './slot.ts';
import type { SourceFile } from './source-files.ts';

/** Part of a file: read, its chunks named. Whoever gets it gives the slot back. */
export interface Block {
  file: SourceFile;
  slot: Slot;
  length: number;
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
  parts: { codec: Codec; pool: SlotPool; recordBytes: number; signal: AbortSignal },
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
          const done = codec.run({ kind: 'scan', slot, descriptor: handle.fd, position, length, chunkBytes });
          done.catch(() => undefined); // it is looked at in its turn
          pending.push({ block: { file, slot, length }, done, close: isHandedOn ? () => handle.close() : undefined });
        }
      } finally {
        if (!isHandedOn) {
          await Promise.allSettled(pending.map(({ done }) => done));
          await handle.close();
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
