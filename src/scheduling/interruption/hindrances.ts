import { formatDuration } from '../../model/index.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Permission } from './victim-rules.ts';

/** Names shown; the rest is counted. */
const SHOWN = 3;

/** Why pods of lower priority were left alone, for the preemptor's message. */
export class Hindrances {
  readonly #failures: { key: string; reason: string; retryAt: number | undefined; terminate: boolean }[] = [];
  readonly #others: { key: string; why: string }[] = [];
  #retryAt = Infinity;
  #unshown = 0;

  note(pod: PodInfo, { excluded, dumpFailure, retryAt, terminate }: Permission): void {
    if (retryAt !== undefined) this.#retryAt = Math.min(this.#retryAt, retryAt);
    if (dumpFailure !== undefined && this.#failures.length < SHOWN) {
      this.#failures.push({ key: pod.key, reason: dumpFailure, retryAt, terminate });
    } else if (excluded !== undefined && !terminate) {
      if (this.#others.length < SHOWN) this.#others.push({ key: pod.key, why: excluded });
      else this.#unshown += 1;
    }
  }

  /** When the first of them ends by itself, ms since the epoch. */
  get retryAt(): number | undefined {
    return this.#retryAt === Infinity ? undefined : this.#retryAt;
  }

  /** ` Victim default/a could not be checkpointed: …; next: …`, or ''. `planned`: other victims were found. */
  sentence(now: number, planned: boolean): string {
    let text = '';
    for (const { key, reason, retryAt, terminate } of this.#failures) {
      const seconds = retryAt === undefined ? undefined : Math.max(1, Math.ceil((retryAt - now) / 1000));
      const again = seconds === undefined ? '' : `, or again in ${formatDuration(seconds * 1000)}`;
      const next = terminate ? 'it may be terminated' : planned ? 'other victims' : `other victims${again}`;
      text += ` Victim ${key} could not be checkpointed: ${reason.replace(/\.$/, '')}; next: ${next}.`;
    }
    if (planned || this.#others.length === 0) return text;
    const named = this.#others.map(({ key, why }) => `${key} (${why})`).join(', ');
    return `${text} Left alone: ${named}${this.#unshown === 0 ? '' : ` and ${this.#unshown} more`}.`;
  }
}
