import type { QueuedPod, QueueSortPlugin } from '../framework/phases.ts';
import type { NamespaceUsage } from './namespace-usage.ts';

export interface FairShareOptions {
  /** After this long use counts half. Default 7 days (Slurm's `PriorityDecayHalfLife`); 0: it never fades. */
  readonly halfLifeSeconds?: number;
  /** Shares by namespace; what a namespace is entitled to is its part of all shares. */
  readonly shares?: Readonly<Record<string, number>>;
  /** Shares of a namespace not named. Default 1. */
  readonly defaultShares?: number;
  /**
   * What runs, or is ahead in the queue, is charged for so long in advance (default 300, Slurm's `PriorityCalcPeriod`): else
   * all that waits of one namespace would start before anything of it counts.
   */
  readonly aheadSeconds?: number;
}

export const DEFAULT_HALF_LIFE_SECONDS = 7 * 86_400;
const DEFAULT_AHEAD_SECONDS = 300;

/**
 * Order of the queue in place of PrioritySort: priority first, strictly; among pods of one priority those of the namespace
 * that has used least of what it is entitled to (Slurm's classic fair-share, use and shares as in `sshare`); within a
 * namespace as PrioritySort does. A pod's place is worked out when the queue is put in order, at the start of each pass.
 */
export class FairShare implements QueueSortPlugin {
  readonly name = 'FairShare';
  readonly #usage: NamespaceUsage;
  readonly #shares: Readonly<Record<string, number>>;
  readonly #defaultShares: number;
  readonly #aheadSeconds: number;
  #keys = new WeakMap<QueuedPod, number>();

  constructor(usage: NamespaceUsage, options: FairShareOptions = {}) {
    this.#usage = usage;
    this.#shares = options.shares ?? {};
    this.#defaultShares = options.defaultShares ?? 1;
    this.#aheadSeconds = options.aheadSeconds ?? DEFAULT_AHEAD_SECONDS;
  }

  /**
   * Gives every pod its place: as if those of its namespace that come before it had been started (start-time fair queueing),
   * so that the order stays fair through the whole pass, however many of them find room.
   */
  rank(pods: Iterable<QueuedPod>, now: number): void {
    const byNamespace = new Map<string, QueuedPod[]>();
    for (const pod of pods) {
      const others = byNamespace.get(pod.info.namespace);
      if (others === undefined) byNamespace.set(pod.info.namespace, [pod]);
      else others.push(pod);
    }
    for (const [namespace, queued] of byNamespace) {
      queued.sort((one, other) => other.info.priority - one.info.priority || byAge(one, other));
      const shares = this.sharesOf(namespace);
      let used = this.#usage.of(namespace, now, this.#aheadSeconds);
      for (const pod of queued) {
        this.#keys.set(pod, shares > 0 ? used / shares : Infinity);
        used += this.#usage.shareOf(pod.info) * this.#aheadSeconds;
      }
    }
  }

  less(one: QueuedPod, other: QueuedPod): boolean {
    if (one.info.priority !== other.info.priority) return one.info.priority > other.info.priority;
    // One that came since the queue was put in order stands behind what was ranked until the next pass.
    const ahead = this.#keys.get(one) ?? Infinity;
    const behind = this.#keys.get(other) ?? Infinity;
    if (ahead !== behind) return ahead < behind;
    return byAge(one, other) < 0;
  }

  sharesOf(namespace: string): number {
    return Object.hasOwn(this.#shares, namespace) ? (this.#shares[namespace] ?? 0) : this.#defaultShares;
  }

  /** The numbers behind the place of a namespace's pods, for people. */
  describe(namespace: string, now: number): string {
    const namespaces = [...new Set([namespace, ...this.#usage.namespaces()])];
    const shares = namespaces.reduce((sum, name) => sum + this.sharesOf(name), 0);
    const hours = this.#usage.of(namespace, now) / 3_600;
    const factor = this.factorOf(namespace, namespaces, now);
    return `fair share of namespace ${namespace}: ${this.sharesOf(namespace)} of ${shares} shares, used the whole cluster for ${hours.toFixed(2)} h (decayed), factor ${factor.toFixed(3)}`;
  }

  /** `2^(−usage ÷ shares)`, both as part of the total over `namespaces`: 1 has used nothing, 0.5 just its share. */
  factorOf(namespace: string, namespaces: readonly string[], now: number): number {
    let usage = 0;
    let shares = 0;
    for (const name of namespaces) {
      usage += this.#usage.of(name, now);
      shares += this.sharesOf(name);
    }
    const own = this.sharesOf(namespace);
    if (own <= 0 || shares <= 0) return 0;
    return usage <= 0 ? 1 : 2 ** -(this.#usage.of(namespace, now) / usage / (own / shares));
  }
}

function byAge(one: QueuedPod, other: QueuedPod): number {
  if (one.firstEnqueuedAt !== other.firstEnqueuedAt) return one.firstEnqueuedAt - other.firstEnqueuedAt;
  if (one.suspended !== other.suspended) return one.suspended ? -1 : 1;
  return one.sequence - other.sequence;
}
