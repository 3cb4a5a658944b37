import type { KubeObject } from '../../model/index.ts';

/**
 * Where a {@link Registry} keeps its objects: an ordered log of versions, as etcd keeps them. The registry holds all
 * live objects and the recent history in memory, so a backing is read once, at the start, and written through from
 * then on. Every method is synchronous: it fits `node:sqlite` (one table `version(revision PRIMARY KEY, key, value)`)
 * and plain memory alike.
 */
export interface Backing {
  /** What is kept: every live object, and all versions after `compacted`. Called once, before any write. */
  load(): BackingState;
  /**
   * Appends versions in one atomic and durable step, all or none. Revisions ascend and go on without a gap from the
   * last one written. Throws when nothing was written.
   */
  write(versions: readonly Version[]): void;
  /**
   * Forgets history: of every key only the newest version at or before `revision` stays (none, when that one is a
   * deletion), and everything after it. The last revision itself is remembered even when nothing is left.
   */
  compact(revision: number): void;
  close(): void;
}

export interface BackingState {
  /** Last revision ever written; 0 at the very beginning. */
  revision: number;
  /** Up to which revision history was compacted; 0 when never. */
  compacted: number;
  /** In order of revision. */
  versions: Iterable<Version>;
}

/** One object as of one revision; `value` is undefined when that revision deleted it. */
export interface Version {
  revision: number;
  /** `<group>/<plural>/<namespace>/<name>`, or `<group>/<plural>/<name>` for cluster-wide objects. Opaque to a backing. */
  key: string;
  /** JSON; deeply frozen, so memory may keep it as it is. */
  value: KubeObject | undefined;
}
