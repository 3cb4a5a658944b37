import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { PODS } from '../snapshot/resource-space.ts';
import { DecayedUsage } from './decayed-usage.ts';

/**
 * What each namespace has used of the cluster, decayed. A pod is charged with its requests for as long as it has its room:
 * what a namespace keeps from others counts, not what its processes do with it. Known from the pods alone: a scheduler
 * started anew charges the pods it finds running from their start on, and has forgotten those that are gone.
 */
export class NamespaceUsage {
  readonly #halfLifeMs: number;
  readonly #now: () => number;
  /** Per namespace, by index of the resource. */
  readonly #usage = new Map<string, DecayedUsage[]>();
  /** Pods that ran before this scheduler did, charged with that. */
  readonly #found = new Set<string>();
  readonly #nodes = new Map<string, Float64Array>();
  #capacity = new Float64Array(4);
  #began: number | undefined;

  /** @param now the time of the event that is being taken in, ms since the epoch */
  constructor(halfLifeMs: number, now: () => number) {
    this.#halfLifeMs = halfLifeMs;
    this.#now = now;
  }

  /**
   * Share of the cluster × seconds, decayed, of the resource of which it is the largest (dominant resource fairness).
   * @param aheadSeconds what is in use now counts as in use for so long more
   */
  of(namespace: string, now: number, aheadSeconds = 0): number {
    let dominant = 0;
    this.#usage.get(namespace)?.forEach((usage, index) => {
      const whole = this.#capacity[index] ?? 0;
      if (whole > 0) dominant = Math.max(dominant, (usage.at(now) + usage.rate * aheadSeconds) / whole);
    });
    return dominant;
  }

  /** Those that used anything. */
  namespaces(): Iterable<string> {
    return this.#usage.keys();
  }

  /** Share of the cluster that the pod would take of its dominant resource. */
  shareOf({ requests }: PodInfo): number {
    let share = 0;
    for (let index = 0; index < requests.length; index++) {
      const whole = this.#capacity[index] ?? 0;
      if (index !== PODS && whole > 0) share = Math.max(share, (requests[index] ?? 0) / whole);
    }
    return share;
  }

  podPlaced(pod: PodInfo): void {
    const now = this.#now();
    this.#began ??= now;
    if (pod.running && pod.startedAt < this.#began && !this.#found.has(pod.uid)) {
      this.#found.add(pod.uid);
      this.#each(pod, (usage, amount) => usage.addPast(amount, pod.startedAt, now));
    }
    this.#each(pod, (usage, amount) => usage.change(amount, now));
  }

  podDisplaced(pod: PodInfo): void {
    const now = this.#now();
    this.#each(pod, (usage, amount) => usage.change(-amount, now));
  }

  nodeChanged(node: NodeInfo): void {
    this.nodeRemoved(node);
    this.#nodes.set(node.name, node.allocatable);
    this.#add(node.allocatable, 1);
  }

  nodeRemoved({ name }: NodeInfo): void {
    const known = this.#nodes.get(name);
    if (known === undefined) return;
    this.#nodes.delete(name);
    this.#add(known, -1);
  }

  #each({ namespace, requests }: PodInfo, charge: (usage: DecayedUsage, amount: number) => void): void {
    let usages = this.#usage.get(namespace);
    if (usages === undefined) {
      usages = [];
      this.#usage.set(namespace, usages);
    }
    for (let index = 0; index < requests.length; index++) {
      const amount = requests[index] ?? 0;
      if (amount <= 0 || index === PODS) continue;
      usages[index] ??= new DecayedUsage(this.#halfLifeMs);
      const usage = usages[index];
      if (usage !== undefined) charge(usage, amount);
    }
  }

  #add(amounts: Float64Array, sign: 1 | -1): void {
    if (amounts.length > this.#capacity.length) {
      const longer = new Float64Array(amounts.length);
      longer.set(this.#capacity);
      this.#capacity = longer;
    }
    for (let index = 0; index < amounts.length; index++) {
      this.#capacity[index] = (this.#capacity[index] ?? 0) + sign * (amounts[index] ?? 0);
    }
  }
}
