import type { BlobStore } from '../stores/blob-store.ts';

/** What a process that was killed would have seen: nothing. */
export class Killed extends Error {}

/**
 * A store whose user is killed at the n-th step: each call is two steps, before and after it takes effect, each piece of a `get` is
 * one. After that nothing gets through.
 */
export class MortalStore implements BlobStore {
  readonly url: string;
  readonly #store: BlobStore;
  #left: number;

  constructor(store: BlobStore, steps: number) {
    this.#store = store;
    this.url = store.url;
    this.#left = steps;
  }

  /** Steps that are left. */
  get left(): number {
    return this.#left;
  }

  async put(...parameters: Parameters<BlobStore['put']>): Promise<void> {
    this.#step();
    await this.#store.put(...parameters);
    this.#step();
  }

  async *get(...parameters: Parameters<BlobStore['get']>): AsyncGenerator<Uint8Array, void> {
    this.#step();
    for await (const piece of this.#store.get(...parameters)) {
      for (let offset = 0; offset < piece.length; offset += 40_000) {
        yield piece.slice(offset, offset + 40_000);
        this.#step();
      }
    }
  }

  async head(...parameters: Parameters<BlobStore['head']>): ReturnType<BlobStore['head']> {
    this.#step();
    return this.#store.head(...parameters);
  }

  async *list(...parameters: Parameters<BlobStore['list']>): ReturnType<BlobStore['list']> {
    this.#step();
    yield* this.#store.list(...parameters);
  }

  async delete(...parameters: Parameters<BlobStore['delete']>): Promise<void> {
    this.#step();
    await this.#store.delete(...parameters);
    this.#step();
  }

  async close(): Promise<void> {}

  #step(): void {
    this.#left -= 1;
    if (this.#left <= 0) throw new Killed('killed');
  }
}
