/**
 * Interruptions decided whose effect the API does not show yet, by preemptor. What the API shows counts from then on, so
 * nothing here outlives a round trip.
 */
export class Orders {
  readonly #byPreemptor = new Map<string, Map<string, 'Checkpoint' | 'Terminate'>>();
  readonly #preemptorsByVictim = new Map<string, string>();

  give(preemptorUID: string, victimUID: string, action: 'Checkpoint' | 'Terminate'): void {
    this.settle(victimUID);
    const victims = this.#byPreemptor.get(preemptorUID);
    if (victims === undefined) this.#byPreemptor.set(preemptorUID, new Map([[victimUID, action]]));
    else victims.set(victimUID, action);
    this.#preemptorsByVictim.set(victimUID, preemptorUID);
  }

  /** The order shows, failed, or lost its object. Returns the preemptor it was given for. */
  settle(victimUID: string): string | undefined {
    const preemptorUID = this.#preemptorsByVictim.get(victimUID);
    if (preemptorUID === undefined) return undefined;
    this.#preemptorsByVictim.delete(victimUID);
    const victims = this.#byPreemptor.get(preemptorUID);
    victims?.delete(victimUID);
    if (victims?.size === 0) this.#byPreemptor.delete(preemptorUID);
    return preemptorUID;
  }

  forgetPreemptor(preemptorUID: string): void {
    for (const victimUID of this.#byPreemptor.get(preemptorUID)?.keys() ?? []) this.#preemptorsByVictim.delete(victimUID);
    this.#byPreemptor.delete(preemptorUID);
  }

  pendingFor(preemptorUID: string): boolean {
    return this.#byPreemptor.has(preemptorUID);
  }

  actionOn(victimUID: string): 'Checkpoint' | 'Terminate' | undefined {
    const preemptorUID = this.#preemptorsByVictim.get(victimUID);
    return preemptorUID === undefined ? undefined : this.#byPreemptor.get(preemptorUID)?.get(victimUID);
  }

  get size(): number {
    return this.#preemptorsByVictim.size;
  }
}
