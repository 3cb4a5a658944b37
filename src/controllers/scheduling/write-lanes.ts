/**
 * Runs writes that share a key one after the other, and those of different keys side by side: the status of one pod must
 * not be overtaken by an older one of the same pod.
 */
export class WriteLanes {
  readonly #lanes = new Map<string, Promise<void>>();

  /** `write` must not reject: it owns its errors. */
  run(key: string, write: () => Promise<void>): Promise<void> {
    const previous = this.#lanes.get(key) ?? Promise.resolve();
    const next = previous.then(write).finally(() => {
      if (this.#lanes.get(key) === next) this.#lanes.delete(key);
    });
    this.#lanes.set(key, next);
    return next;
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    while (this.#lanes.size > 0) await Promise.all(this.#lanes.values());
  }
}
