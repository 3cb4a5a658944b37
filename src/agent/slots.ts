/** At most so many things at once; those that wait come in the order they asked. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Whether there is none left: who asks now has to wait. */
  get areTaken(): boolean {
    return this.#free === 0;
  }

  /** Runs `work` once there is a slot, which it may give back before its end; rejects with the signal's reason when aborted while waiting. */
  async run<T>(signal: AbortSignal, work: (release: () => void) => Promise<T>): Promise<T> {
    await this.#take(signal);
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
    try {
      return await work(release);
    } finally {
      release();
    }
  }

  #take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(granted), 1);
        reject(signal.reason);
      };
      const granted = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#waiting.push(granted);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
