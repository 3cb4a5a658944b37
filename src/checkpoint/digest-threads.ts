import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { FermataError } from '../model/index.ts';
import type { DigestAnswer, DigestJob } from './digest-thread.ts';

/** More would find the memory too slow. */
export const DIGEST_THREADS = Math.min(4, Math.max(2, availableParallelism()));

/** A thread finds its next job without waiting for ours, which has processes to end meanwhile. */
export const JOBS_A_THREAD = 2;

interface Asked {
  resolve: (answer: DigestAnswer) => void;
  reject: (error: FermataError) => void;
}

/** One thread; it answers its jobs in the order they came. */
class DigestThread {
  readonly #worker: Worker;
  readonly #asked: Asked[] = [];
  #ended = false;

  constructor() {
    const options = { execArgv: ['--disable-warning=ExperimentalWarning'], name: 'digests' };
    this.#worker = new Worker(new URL('./digest-thread.ts', import.meta.url), options);
    this.#worker.on('message', (answer: DigestAnswer) => {
      this.#asked.shift()?.resolve(answer);
      if (this.#asked.length === 0) this.#worker.unref();
    });
    this.#worker.on('error', (cause) => this.#end(cause));
    this.#worker.once('exit', () => this.#end(new Error('it ended')));
    this.#worker.unref();
  }

  get ended(): boolean {
    return this.#ended;
  }

  get jobs(): number {
    return this.#asked.length;
  }

  ask(job: DigestJob): Promise<DigestAnswer> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage(job);
    });
  }

  #end(cause: unknown): void {
    this.#ended = true;
    const failure = new FermataError('DigestFailed', 'a thread that digests checkpoints failed', { cause });
    for (const { reject } of this.#asked.splice(0)) reject(failure);
  }
}

/**
 * Threads that do nothing but read and hash: 256 MiB from the page cache take 90 ms on two cores, against 250 ms by way of
 * Node's thread pool, which copies each piece twice and has others wait. They live as long as the process, and do not keep it
 * alive.
 */
class DigestThreads {
  #threads: DigestThread[] = [];
  readonly #waiting: (() => void)[] = [];

  /** Starts the threads, which takes 70 ms that are then not in anybody's way. */
  prepare(): void {
    this.#threads = this.#threads.filter(({ ended }) => !ended);
    while (this.#threads.length < DIGEST_THREADS) this.#threads.push(new DigestThread());
  }

  /** SHA-256 of a part of an open file; undefined when the file is shorter. Throws FermataError `DigestFailed`. */
  async digest(job: DigestJob): Promise<Uint8Array | undefined> {
    let thread = this.#leastBusy();
    while (thread.jobs >= JOBS_A_THREAD) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      thread = this.#leastBusy();
    }
    try {
      const { digest, reason } = await thread.ask(job);
      if (reason !== undefined) throw new FermataError('DigestFailed', `a checkpoint cannot be read: ${reason}`);
      return digest === undefined ? undefined : Buffer.from(digest, 'hex');
    } finally {
      this.#waiting.shift()?.();
    }
  }

  #leastBusy(): DigestThread {
    this.prepare();
    return this.#threads.reduce((best, one) => (one.jobs < best.jobs ? one : best));
  }
}

export const digestThreads = new DigestThreads();
