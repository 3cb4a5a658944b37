import type { Clock, Random } from '../clock/index.ts';
import { ApiError, MemoryBacking, Registry } from '../kubernetes/index.ts';
import type { Recorder } from './recorder.ts';
import { SERVED_KINDS } from './served-kinds.ts';

/** The way to an API server. */
export interface ApiAccess {
  /** Throws `ServiceUnavailable` when there is none. */
  reach(): Registry;
}

/** History is compacted early, so that clients that were away meet `Expired`. */
const HISTORY = { minimumChanges: 300, milliseconds: 300_000, maximumChanges: 5_000 };

/** The API server of a world: it may die and come back over the same storage. */
export class ApiServer {
  readonly #parts: { clock: Clock; random: Random; recorder: Recorder };
  readonly #backing = new MemoryBacking();
  #running: { registry: Registry; unfollow: () => void } | undefined;

  constructor(parts: { clock: Clock; random: Random; recorder: Recorder }) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#running !== undefined) return;
    const { clock, random, recorder } = this.#parts;
    const registry = new Registry({ backing: this.#backing, clock, random, kinds: SERVED_KINDS }, { history: HISTORY });
    this.#running = { registry, unfollow: recorder.follow(registry) };
  }

  /** All watches break off. */
  stop(): void {
    this.#running?.unfollow();
    this.#running?.registry.close();
    this.#running = undefined;
  }

  /** Throws `ServiceUnavailable` while it is away, or the way to it is `cut`. */
  reach(cut = false): Registry {
    if (this.#running === undefined || cut) {
      throw new ApiError('ServiceUnavailable', 'connect ECONNREFUSED: the API server is away', { status: 0 });
    }
    return this.#running.registry;
  }

  get isUp(): boolean {
    return this.#running !== undefined;
  }
}
