import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { FermataError } from '../model/index.ts';
import type { DigestAnswer, DigestJob } from './digest-thread.ts';

/** More would find the memory too slow. */
export const DIGEST_THREADS = Math.min(4, Math.max(2, availableParallelism()));

/**
 * Threads that do nothing but read and hash: 256 MiB from the page cache take 110 ms on two busy cores, against 250 ms by way
 * of Node's thread pool, which copies each piece twice and has others wait. They live as long as the process, and do not keep
 * it alive.
 */
class DigestThreads {
  readonly #idle: Worker[] = [];
  readonly #waiting: ((thread: Worker) => void)[] = [];
  #count = 0;

  /** Starts the threads, which takes 70 ms that are then not in anybody's way. */
  prepare(): void {
    while (this.#count < DIGEST_THREADS) this.#idle.push(this.#begin());
  }

  /** SHA-256 of a part of an open file; undefined when the file is shorter. Throws FermataError `DigestFailed`. */
  async digest(job: DigestJob): Promise<Uint8Array | undefined> {
    this.prepare();
    const thread = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    thread.ref();
    try {
      const { digest, reason } = await this.#ask(thread, job);
      if (reason !== undefined) throw new FermataError('DigestFailed', `a checkpoint cannot be read: ${reason}`);
      return digest === undefined ? undefined : Buffer.from(digest, 'hex');
    } finally {
      this.#release(thread);
    }
  }

  #ask(thread: Worker, job: DigestJob): Promise<DigestAnswer> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        thread.off('message', onAnswer).off('error', onError).off('exit', onExit);
      };
      const onAnswer = (answer: DigestAnswer): void => {
        settle();
        resolve(answer);
      };
      const onError = (cause: unknown): void => {
        settle();
        reject(new FermataError('DigestFailed', 'a thread that digests checkpoints failed', { cause }));
      };
      const onExit = (): void => onError(new Error('it ended'));
      thread.on('message', onAnswer).on('error', onError).on('exit', onExit);
      thread.postMessage(job);
    });
  }

  #begin(): Worker {
    const options = { execArgv: ['--disable-warning=ExperimentalWarning'], name: 'digests' };
    const thread = new Worker(new URL('./digest-thread.ts', import.meta.url), options);
    this.#count += 1;
    thread.on('error', () => {}); // told to whoever waits for it; it ends by it
    thread.once('exit', () => {
      this.#count -= 1;
      const index = this.#idle.indexOf(thread);
      if (index >= 0) this.#idle.splice(index, 1);
    });
    thread.unref();
    return thread;
  }

  #release(thread: Worker): void {
    // One that ended has no number any more.
    const next = thread.threadId > 0 ? thread : this.#begin();
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting(next);
      return;
    }
    next.unref();
    this.#idle.push(next);
  }
}

export const digestThreads = new DigestThreads();
