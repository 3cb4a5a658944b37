import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Rejection } from './phases.ts';

/** Names a plugin's own state in a cycle, with its type. */
export class StateKey<T> {
  readonly name: string;
  /** Never set: carries T for inference. */
  declare readonly shape?: T;

  constructor(name: string) {
    this.name = name;
  }
}

/** One pod's way through the phases, with what plugins worked out for it on the way. */
export class Cycle {
  readonly pod: PodInfo;
  /** ms since the epoch. */
  readonly now: number;
  /** Plugins whose filter was skipped by their PreFilter. */
  readonly skippedFilters = new Set<string>();
  /** Set by PreFilter: the only nodes in question, by name, and the plugins that narrowed them. */
  onlyNodes: { readonly names: readonly string[]; readonly plugins: readonly string[] } | undefined;
  /** Set when PreFilter turned the pod down for every node alike. */
  rejectedByAll: Rejection | undefined;
  readonly #state = new Map<StateKey<unknown>, unknown>();

  constructor(pod: PodInfo, now: number) {
    this.pod = pod;
    this.now = now;
  }

  narrow(names: readonly string[], plugin: string): void {
    const before = this.onlyNodes;
    this.onlyNodes =
      before === undefined
        ? { names, plugins: [plugin] }
        : { names: before.names.filter((name) => names.includes(name)), plugins: [...before.plugins, plugin] };
  }

  read<T>(key: StateKey<T>): T | undefined {
    return this.#state.get(key) as T | undefined;
  }

  write<T>(key: StateKey<T>, value: T): void {
    this.#state.set(key, value);
  }
}
