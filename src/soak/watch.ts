import type { Clock } from '../clock/index.ts';
import { ApiError, type WatchEvent, type WatchOptions } from '../kubernetes/index.ts';
import type { KubeObject, ResourceType } from '../model/index.ts';
import type { ApiAccess } from './api-server.ts';
import type { FaultStream } from './fault-injector.ts';
import type { FaultRates } from './fault-rates.ts';

export interface WatchParts {
  api: ApiAccess;
  clock: Clock;
  stream: FaultStream;
  rates: FaultRates['watch'];
}

/** Mean of a stall, ms; some last an hour. */
const STALL_MILLISECONDS = 60_000;
/** Only few watches get bookmarks: each costs as much as an event, and most events follow soon enough. */
const BOOKMARKED = 0.05;
/** How many of the last events a replay begins with. */
const REPLAYED = 4;

/** A watch over a bad network: it is cut, ends, stalls, or repeats what it told before. */
export class FaultyWatch<T extends KubeObject> implements AsyncIterableIterator<WatchEvent<T>, undefined> {
  readonly #parts: WatchParts;
  readonly #type: ResourceType<T>;
  readonly #options: WatchOptions;
  #base: AsyncIterator<WatchEvent<T>> | undefined;
  /** To be told before anything new. */
  readonly #again: WatchEvent<T>[] = [];
  readonly #recent: WatchEvent<T>[] = [];

  constructor(parts: WatchParts, type: ResourceType<T>, options: WatchOptions) {
    this.#parts = parts;
    this.#type = type;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<WatchEvent<T>, undefined>> {
    const { api, clock, stream, rates } = this.#parts;
    const repeated = this.#again.shift();
    if (repeated !== undefined) return { done: false, value: repeated };
    if (this.#base === undefined) {
      const bookmarks = stream.chance.happens(BOOKMARKED);
      this.#base = api
        .reach()
        .watch(this.#type, { ...this.#options, bookmarks })
        [Symbol.asyncIterator]();
    }
    const next = await this.#base.next();
    if (next.done !== true) api.reach();
    if (next.done === true) return { done: true, value: undefined };
    switch (stream.choose('watch', rates)) {
      case 'drop':
        return this.#fail(new ApiError('ServiceUnavailable', 'read ECONNRESET', { status: 0 }));
      case 'garbage':
        return this.#fail(new ApiError('Unknown', 'the server sent a watch event that is no JSON: {"ty'));
      case 'expired':
        return this.#fail(new ApiError('Expired', 'too old resource version'));
      case 'end':
        await this.return();
        return { done: true, value: undefined };
      case 'stall':
        await clock.sleep(stream.chance.exponential(STALL_MILLISECONDS), this.#options.signal);
        break;
      case 'replay':
        this.#again.push(...this.#recent, next.value);
    }
    if (this.#recent.push(next.value) > REPLAYED) this.#recent.shift();
    return next as IteratorResult<WatchEvent<T>, undefined>;
  }

  async return(): Promise<IteratorResult<WatchEvent<T>, undefined>> {
    await this.#base?.return?.();
    return { done: true, value: undefined };
  }

  async #fail(error: ApiError): Promise<never> {
    await this.return();
    throw error;
  }
}
