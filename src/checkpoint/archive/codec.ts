import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { FermataError } from '../../model/index.ts';
import { ChunkIds } from './chunk-id.ts';
import { type CodecAnswer, type CodecJob, perform, type SentJob } from './codec-job.ts';
import type { CodecFailure } from './codec-thread.ts';

/** Who reads, digests, compresses and encrypts. */
export interface Codec {
  /** Jobs that are worth having under way at once. */
  readonly width: number;
  /** Rejects with RangeError when the data is not what it should be. */
  run(job: CodecJob): Promise<CodecAnswer>;
  /** Ends the threads; what is under way is given up. */
  close(): Promise<void>;
}

/** More would find the memory too slow, or leave nothing to the pods of the node. */
const THREADS = Math.min(4, Math.max(1, availableParallelism()));
/** A thread finds its next job without waiting for ours. */
const JOBS_A_THREAD = 2;

/** In the calling thread: for archives too small to be worth starting others. */
export class InlineCodec implements Codec {
  readonly width = 1;
  readonly #ids: ChunkIds;

  constructor(chunkKey: Uint8Array) {
    this.#ids = new ChunkIds(chunkKey);
  }

  async run(job: CodecJob): Promise<CodecAnswer> {
    return perform(job, this.#ids);
  }

  async close(): Promise<void> {}
}

interface Asked {
  resolve: (answer: CodecAnswer) => void;
  reject: (error: unknown) => void;
}

class CodecThread {
  readonly #worker: Worker;
  readonly #asked: Asked[] = [];
  /** Numbers of the slots that it knows. */
  readonly #sent = new Set<number>();
  #ended = false;

  constructor(chunkKey: Uint8Array) {
    // Their heaps stay small: what is large lies in slots.
    const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };
    const execArgv = ['--disable-warning=ExperimentalWarning'];
    const url = new URL('./codec-thread.ts', import.meta.url);
    this.#worker = new Worker(url, { execArgv, name: 'archive', workerData: chunkKey, resourceLimits });
    this.#worker.on('message', (answer: CodecAnswer | CodecFailure) => this.#settle(answer));
    this.#worker.on('error', (cause) => this.#end(cause));
    this.#worker.once('exit', () => this.#end(new Error('it ended')));
  }

  get jobs(): number {
    return this.#asked.length;
  }

  run(job: CodecJob): Promise<CodecAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(threadFailed(undefined));
      this.#asked.push({ resolve, reject });
      const { slot, ...rest } = job;
      const sent: SentJob = { job: rest, slotNumber: slot.number };
      this.#worker.postMessage(this.#sent.has(slot.number) ? sent : { ...sent, slot });
      this.#sent.add(slot.number);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(answer: CodecAnswer | CodecFailure): void {
    const asked = this.#asked.shift();
    if (!('message' in answer)) asked?.resolve(answer);
    else if (answer.isRange) asked?.reject(new RangeError(answer.message));
    else
      asked?.reject(Object.assign(new Error(answer.message), answer.code === undefined ? {} : { code: answer.code }));
  }

  #end(cause: unknown): void {
    this.#ended = true;
    for (const { reject } of this.#asked.splice(0)) reject(threadFailed(cause));
  }
}

/** Threads that read, hash, compress and encrypt; they end with {@link close}. */
export class ThreadedCodec implements Codec {
  readonly width = THREADS * JOBS_A_THREAD;
  readonly #threads: CodecThread[];

  constructor(chunkKey: Uint8Array) {
    this.#threads = Array.from({ length: THREADS }, () => new CodecThread(chunkKey));
  }

  run(job: CodecJob): Promise<CodecAnswer> {
    const thread = this.#threads.reduce((best, one) => (one.jobs < best.jobs ? one : best));
    return thread.run(job);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

function threadFailed(cause: unknown): FermataError {
  return new FermataError('ArchiveThreadFailed', 'a thread that compresses and encrypts checkpoints ended', {
    cause,
    nextStep: 'It is tried again; when it stays, look at the memory of the machine.',
  });
}
