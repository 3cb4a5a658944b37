import { RELEASE_SLACK_MS } from '../constants.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { type CheckpointLedger, stopDeadlineOf } from './checkpoint-ledger.ts';
import type { Orders } from './orders.ts';

/** Which pods are on their way out already, and until when that may be relied on. */
export class Departures {
  readonly #checkpoints: CheckpointLedger;
  readonly #orders: Orders;

  constructor(checkpoints: CheckpointLedger, orders: Orders) {
    this.#checkpoints = checkpoints;
    this.#orders = orders;
  }

  /** ms since the epoch by which the pod's room should be free; undefined: it is not leaving. */
  deadlineOf(pod: PodInfo, now: number): number | undefined {
    const stopping = this.#checkpoints.stopping(pod.uid);
    if (stopping !== undefined) return stopDeadlineOf(stopping);
    if (pod.terminatingUntil !== undefined) return pod.terminatingUntil + RELEASE_SLACK_MS;
    return this.#orders.actionOn(pod.uid) === undefined ? undefined : now + RELEASE_SLACK_MS;
  }

  isDumping(pod: PodInfo): boolean {
    return this.#orders.actionOn(pod.uid) === 'Checkpoint' || this.#checkpoints.holding(pod.uid) !== undefined;
  }
}
