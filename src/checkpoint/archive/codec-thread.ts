import { parentPort, workerData } from 'node:worker_threads';
import { ChunkIds } from './chunk-id.ts';
import { type CodecAnswer, type CodecJob, perform } from './codec-job.ts';

/** What went wrong, in a form that goes from thread to thread. */
export interface CodecFailure {
  message: string;
  isRange: boolean;
  code: string | undefined;
}

const ids = new ChunkIds(workerData as Uint8Array);

parentPort?.on('message', (job: CodecJob) => parentPort?.postMessage(answerTo(job)));

function answerTo(job: CodecJob): CodecAnswer | CodecFailure {
  try {
    return perform(job, ids);
  } catch (error) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
    const message = error instanceof Error ? error.message : String(error);
    return { message, isRange: error instanceof RangeError && code === undefined, code };
  }
}
