import { RELEASE_SLACK_MS } from '../constants.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { type CheckpointLedger, stopDeadlineOf } from './checkpoint-ledger.ts';
import type { Orders } from './orders.ts';

/** When a pod that is leaving should be gone. */
export interface Departure {
  /** ms since the epoch; undefined: it was just ordered, and its time has not begun. */
  readonly deadline: number | undefined;
}

const JUST_ORDERED: Departure = { deadline: undefined };

/** Which pods are on their way out already, and until when that may be relied on. */
export class Departures {
  readonly #checkpoints: CheckpointLedger;
  readonly #orders: Orders;

  constructor(checkpoints: CheckpointLedger, orders: Orders) {
    this.#checkpoints = checkpoints;
    this.#orders = orders;
  }

  /** Undefined: it is not leaving. */
  of(pod: PodInfo): Departure | undefined {
    const stopping = this.#checkpoints.stopping(pod.uid);
    if (stopping !== undefined) return { deadline: stopDeadlineOf(stopping) };
    if (pod.terminatingUntil !== undefined) return { deadline: pod.terminatingUntil + RELEASE_SLACK_MS };
    return this.#orders.actionOn(pod.uid) === undefined ? undefined : JUST_ORDERED;
  }

  isDumping(pod: PodInfo): boolean {
    return this.#orders.actionOn(pod.uid) === 'Checkpoint' || this.#checkpoints.holding(pod.uid) !== undefined;
  }
}
