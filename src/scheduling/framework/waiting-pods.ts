import type { PodInfo } from '../snapshot/pod-info.ts';

/** A pod that has its room and waits for permission to be bound. */
export interface WaitingPod {
  readonly pod: PodInfo;
  readonly nodeName: string;
  /** Plugins that have not allowed it yet, with the time (ms since the epoch) at which each gives up. */
  readonly pending: ReadonlyMap<string, number>;
}

/** What became of a waiting pod. */
export type WaitingOutcome =
  | { readonly type: 'Allowed'; readonly uid: string }
  | { readonly type: 'Gone'; readonly uid: string }
  | { readonly type: 'Rejected'; readonly uid: string; readonly plugin: string; readonly message: string };

/**
 * Pods that Permit asked to wait (kube-scheduler's waiting pods). Plugins allow or reject them; the engine carries out what
 * came of it at its next pass.
 */
export class WaitingPods {
  readonly #waiting = new Map<string, { pod: PodInfo; nodeName: string; pending: Map<string, number> }>();
  #outcomes: WaitingOutcome[] = [];

  get(uid: string): WaitingPod | undefined {
    return this.#waiting.get(uid);
  }

  /** In the order in which they began to wait. */
  all(): Iterable<WaitingPod> {
    return this.#waiting.values();
  }

  add(pod: PodInfo, nodeName: string, waits: ReadonlyMap<string, number>): void {
    this.#waiting.set(pod.uid, { pod, nodeName, pending: new Map(waits) });
  }

  /** Takes back the plugin's wish to wait; the pod is bound once nobody wishes it any more. */
  allow(uid: string, plugin: string): void {
    const waiting = this.#waiting.get(uid);
    if (waiting === undefined || !waiting.pending.delete(plugin) || waiting.pending.size > 0) return;
    this.#waiting.delete(uid);
    this.#outcomes.push({ type: 'Allowed', uid });
  }

  /** The pod gives its room back and waits in the queue for an event that `plugin` finds helpful. */
  reject(uid: string, plugin: string, message: string): void {
    if (!this.#waiting.delete(uid)) return;
    this.#outcomes.push({ type: 'Rejected', uid, plugin, message });
  }

  /** The pod is gone, or is no longer this scheduler's. */
  forget(uid: string): void {
    if (this.#waiting.delete(uid)) this.#outcomes.push({ type: 'Gone', uid });
  }

  /** Rejects those whose time is up, then hands out what became of any since the last call. */
  settle(now: number): WaitingOutcome[] {
    for (const [uid, { pending }] of this.#waiting) {
      for (const [plugin, until] of pending) {
        if (until > now) continue;
        this.reject(uid, plugin, `was not allowed in time by ${plugin}`);
        break;
      }
    }
    const outcomes = this.#outcomes;
    this.#outcomes = [];
    return outcomes;
  }

  get hasOutcomes(): boolean {
    return this.#outcomes.length > 0;
  }

  /** When the first of them runs out of time; Infinity: none waits. */
  nextDeadline(): number {
    let next = Infinity;
    for (const { pending } of this.#waiting.values())
      for (const until of pending.values()) next = Math.min(next, until);
    return next;
  }
}
