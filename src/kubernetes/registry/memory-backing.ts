import type { Backing, BackingState, Version } from './backing.ts';

/**
 * Keeps versions in memory. It outlives the {@link Registry} over it, so that a test can let a server die and come back:
 * a new registry over the same backing finds every object, resourceVersion and the history since the last compaction.
 */
export class MemoryBacking implements Backing {
  /** Newest version of each key at or before `#compacted`. */
  readonly #base = new Map<string, Version>();
  #log: Version[] = [];
  #revision = 0;
  #compacted = 0;

  load(): BackingState {
    const base = [...this.#base.values()].sort((left, right) => left.revision - right.revision);
    return { revision: this.#revision, compacted: this.#compacted, versions: [...base, ...this.#log] };
  }

  write(versions: readonly Version[]): void {
    for (const version of versions) {
      if (version.revision !== this.#revision + 1) {
        throw new RangeError(`revision ${version.revision} does not follow ${this.#revision}`);
      }
      this.#log.push(version);
      this.#revision = version.revision;
    }
  }

  compact(revision: number): void {
    let kept = 0;
    for (const version of this.#log) {
      if (version.revision > revision) break;
      if (version.value === undefined) this.#base.delete(version.key);
      else this.#base.set(version.key, version);
      kept++;
    }
    this.#log = this.#log.slice(kept);
    this.#compacted = Math.max(this.#compacted, revision);
  }

  close(): void {
    // Nothing is held open; what was written stays for the next registry.
  }
}
