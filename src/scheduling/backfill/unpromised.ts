import type { QueuedPod } from '../framework/phases.ts';

/**
 * Pods and gangs that wait without a promise because others have them all. When one falls, the first of these has its turn:
 * no event need speak for it, and without its turn nobody would keep room free for it.
 */
export class Unpromised {
  readonly #waiting = new Map<string, QueuedPod>();
  readonly #less: (one: QueuedPod, other: QueuedPod) => boolean;

  constructor(less: (one: QueuedPod, other: QueuedPod) => boolean) {
    this.#less = less;
  }

  add(pod: QueuedPod): void {
    this.#waiting.set(pod.info.uid, pod);
  }

  delete(podUID: string): void {
    this.#waiting.delete(podUID);
  }

  /** Takes out the first in the order of the queue, of those for which `isWaiting` holds; the others are forgotten. */
  takeFirst(isWaiting: (pod: QueuedPod) => boolean): QueuedPod | undefined {
    let first: QueuedPod | undefined;
    for (const pod of this.#waiting.values()) {
      if (!isWaiting(pod)) this.#waiting.delete(pod.info.uid);
      else if (first === undefined || this.#less(pod, first)) first = pod;
    }
    if (first !== undefined) this.#waiting.delete(first.info.uid);
    return first;
  }
}
