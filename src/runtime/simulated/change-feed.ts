/** Tells any number of listeners which pods changed; one that is slow hears of each pod once. */
export class ChangeFeed {
  readonly #listeners = new Set<(uid: string) => void>();

  publish(uid: string): void {
    for (const listener of [...this.#listeners]) listener(uid);
  }

  /** Ends quietly when a signal is aborted. Listening begins with the call, not with the first `next`. */
  listen(...signals: readonly AbortSignal[]): AsyncIterableIterator<string> {
    const waiting = new Set<string>();
    let wake: () => void = () => undefined;
    const listener = (uid: string): void => {
      waiting.add(uid);
      wake();
    };
    const end = (): void => {
      this.#listeners.delete(listener);
      for (const signal of signals) signal.removeEventListener('abort', end);
      ended = true;
      wake();
    };
    let ended = signals.some(({ aborted }) => aborted);
    if (!ended) {
      this.#listeners.add(listener);
      for (const signal of signals) signal.addEventListener('abort', end, { once: true });
    }
    const iterator: AsyncIterableIterator<string> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        for (;;) {
          if (ended) return { done: true, value: undefined };
          for (const uid of waiting) {
            waiting.delete(uid);
            return { done: false, value: uid };
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      },
      return: async () => {
        end();
        return { done: true, value: undefined };
      },
    };
    return iterator;
  }

  /** Resolves at the next change of the pod, or when the signal is aborted. */
  next(uid: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const listener = (changed: string): void => {
        if (changed === uid) done();
      };
      const done = (): void => {
        this.#listeners.delete(listener);
        signal.removeEventListener('abort', done);
        resolve();
      };
      if (signal.aborted) {
        resolve();
        return;
      }
      this.#listeners.add(listener);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
