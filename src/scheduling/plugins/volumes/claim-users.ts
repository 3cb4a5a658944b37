import type { PodInfo } from '../../snapshot/pod-info.ts';
import type { SnapshotListener } from '../../snapshot/snapshot-listener.ts';
import { claimsOf } from './pod-claims.ts';

/** How many placed pods use each claim. */
export class ClaimUsers implements SnapshotListener {
  readonly #users = new Map<string, number>();

  of(claim: string): number {
    return this.#users.get(claim) ?? 0;
  }

  podPlaced(pod: PodInfo): void {
    for (const { key } of claimsOf(pod)) this.#users.set(key, this.of(key) + 1);
  }

  podDisplaced(pod: PodInfo): void {
    for (const { key } of claimsOf(pod)) {
      const left = this.of(key) - 1;
      if (left > 0) this.#users.set(key, left);
      else this.#users.delete(key);
    }
  }
}
