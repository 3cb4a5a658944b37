import { parentPort, workerData } from 'node:worker_threads';
import { ChunkIds } from './chunk-id.ts';
import { type CodecAnswer, type CodecJob, perform, type SentJob } from './codec-job.ts';
import type { Slot } from './slot.ts';

/** What went wrong, in a form that goes from thread to thread. */
export interface CodecFailure {
  message: string;
  isRange: boolean;
  code: string | undefined;
}

const ids = new ChunkIds(workerData as Uint8Array);

const slots = new Map<number, Slot>();

parentPort?.on('message', (sent: SentJob) => parentPort?.postMessage(answerTo(sent)));

function answerTo({ job, slotNumber, slot = slots.get(slotNumber) }: SentJob): CodecAnswer | CodecFailure {
  try {
    if (slot === undefined) throw new Error(`slot ${slotNumber} was never sent`);
    slots.set(slotNumber, slot);
    return perform({ ...job, slot } as CodecJob, ids);
  } catch (error) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
    const message = error instanceof Error ? error.message : String(error);
    return { message, isRange: error instanceof RangeError && code === undefined, code };
  }
}
