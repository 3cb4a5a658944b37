import { createHash, type Hash } from 'node:crypto';
import type { Registry } from '../kubernetes/index.ts';
import type { HistoryEntry, HistoryListener } from './history.ts';

/** What is written so often, and says so little, that nobody looks at it. */
const UNRECORDED: ReadonlySet<string> = new Set(['/events', 'coordination.k8s.io/leases']);

/** Tells what happens in a world, in order, to whoever listens; counts it, and digests it if asked. */
export class Recorder {
  readonly #now: () => number;
  readonly #listeners: readonly HistoryListener[];
  readonly #hash: Hash | undefined;
  /** Who is writing to the API just now. */
  #by = 'world';
  #entries = 0;

  constructor(now: () => number, listeners: readonly HistoryListener[], options: { digest?: boolean } = {}) {
    this.#now = now;
    this.#listeners = listeners;
    this.#hash = options.digest === true ? createHash('sha256') : undefined;
  }

  get entries(): number {
    return this.#entries;
  }

  /** SHA-256 of all entries so far, hex; undefined unless asked for. */
  get digest(): string | undefined {
    return this.#hash?.copy().digest('hex');
  }

  /** Adds the entry, with the time. */
  add(entry: Untimed<HistoryEntry>): void {
    const timed = { ...entry, at: this.#now() } as HistoryEntry;
    this.#entries++;
    this.#hash?.update(`${JSON.stringify(timed)}\n`);
    for (const listener of this.#listeners) listener(timed);
  }

  /** From now on the registry's changes are entries. Returns what ends that. */
  follow(registry: Registry): () => void {
    return registry.subscribe(({ revision, type, collection, key, object, previous }) => {
      if (UNRECORDED.has(collection)) return;
      this.add({ kind: 'api', revision, type, collection, key, object, previous, by: this.#by });
    });
  }

  /** Runs `act`, whose synchronous part is the work of `by`. */
  attributed<T>(by: string, act: () => T): T {
    const before = this.#by;
    this.#by = by;
    try {
      return act();
    } finally {
      this.#by = before;
    }
  }
}

type Untimed<T> = T extends { at: number } ? Omit<T, 'at'> : never;
