import { FactChanges, type FactListener } from './fact-changes.ts';
import type { InterruptAction } from './victim-unit.ts';

interface Order {
  readonly action: InterruptAction;
  /** ms since the epoch. */
  readonly expiresAt: number;
}

/**
 * Interruptions decided whose effect the API does not show yet, by preemptor. What the API shows counts from then on, so
 * nothing here outlives a round trip.
 */
export class Orders {
  readonly #byPreemptor = new Map<string, Map<string, Order>>();
  readonly #preemptorsByVictim = new Map<string, string>();
  readonly #changes: FactListener;

  constructor(changes: FactListener = new FactChanges()) {
    this.#changes = changes;
  }

  give(preemptorUID: string, victimUID: string, order: Order): void {
    this.settle(victimUID);
    const victims = this.#byPreemptor.get(preemptorUID);
    if (victims === undefined) this.#byPreemptor.set(preemptorUID, new Map([[victimUID, order]]));
    else victims.set(victimUID, order);
    this.#preemptorsByVictim.set(victimUID, preemptorUID);
    this.#changes.podChanged(victimUID);
  }

  /** The order shows, failed, or lost its object. Returns the preemptor it was given for. */
  settle(victimUID: string): string | undefined {
    const preemptorUID = this.#preemptorsByVictim.get(victimUID);
    if (preemptorUID === undefined) return undefined;
    this.#preemptorsByVictim.delete(victimUID);
    const victims = this.#byPreemptor.get(preemptorUID);
    victims?.delete(victimUID);
    if (victims?.size === 0) this.#byPreemptor.delete(preemptorUID);
    this.#changes.podChanged(victimUID);
    return preemptorUID;
  }

  /** Takes the orders that are overdue at `now` as lost. Returns them. */
  expire(now: number): { preemptorUID: string; victimUID: string }[] {
    if (this.nextExpiry() > now) return []; // speed
    const lost: { preemptorUID: string; victimUID: string }[] = [];
    for (const [preemptorUID, victims] of this.#byPreemptor) {
      for (const [victimUID, { expiresAt }] of victims) if (expiresAt <= now) lost.push({ preemptorUID, victimUID });
    }
    for (const { victimUID } of lost) this.settle(victimUID);
    return lost;
  }

  /** ms since the epoch; Infinity without orders. Orders are few: they last a round trip to the API. */
  nextExpiry(): number {
    let next = Infinity;
    for (const victims of this.#byPreemptor.values()) {
      for (const { expiresAt } of victims.values()) next = Math.min(next, expiresAt);
    }
    return next;
  }

  pendingFor(preemptorUID: string): boolean {
    return this.#byPreemptor.has(preemptorUID);
  }

  preemptorOf(victimUID: string): string | undefined {
    return this.#preemptorsByVictim.get(victimUID);
  }

  actionOn(victimUID: string): InterruptAction | undefined {
    const preemptorUID = this.#preemptorsByVictim.get(victimUID);
    return preemptorUID === undefined ? undefined : this.#byPreemptor.get(preemptorUID)?.get(victimUID)?.action;
  }
}
