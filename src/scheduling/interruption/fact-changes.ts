/** Is told what changed of the facts that interruptions are planned by, so that what was worked out from them goes stale. */
export interface FactListener {
  podChanged(uid: string): void;
  /** @param workload `namespace/name` */
  workloadChanged(workload: string): void;
  nodeChanged(name: string): void;
  everythingChanged(): void;
}

/** Hands changes of facts to whoever follows them; those who hold facts need not know who that is. */
export class FactChanges implements FactListener {
  readonly #listeners: FactListener[] = [];

  follow(listener: FactListener): void {
    this.#listeners.push(listener);
  }

  podChanged(uid: string): void {
    for (const listener of this.#listeners) listener.podChanged(uid);
  }

  workloadChanged(workload: string): void {
    for (const listener of this.#listeners) listener.workloadChanged(workload);
  }

  nodeChanged(name: string): void {
    for (const listener of this.#listeners) listener.nodeChanged(name);
  }

  everythingChanged(): void {
    for (const listener of this.#listeners) listener.everythingChanged();
  }
}
