import { formatDuration } from '../../model/index.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Permission } from './victim-rules.ts';

/** Names shown; the rest is counted. */
const SHOWN = 3;

/** A pod of lower priority that was left alone. */
export interface HinderedPod {
  readonly pod: PodInfo;
  readonly permission: Permission;
}

/** Why pods of lower priority were left alone, for the preemptor's message. */
export class Hindrances {
  readonly #current: (hindered: HinderedPod) => Permission;
  readonly #failures: HinderedPod[] = [];
  readonly #others: HinderedPod[] = [];
  #retryAt = Infinity;
  #unshown = 0;

  /** @param current the permission worded for the present moment: what was noted may be older */
  constructor(current: (hindered: HinderedPod) => Permission = ({ permission }) => permission) {
    this.#current = current;
  }

  note(hindered: HinderedPod): void {
    const { excluded, dumpFailure, retryAt, terminate } = hindered.permission;
    this.#retryAt = Math.min(this.#retryAt, retryAt ?? Infinity);
    if (dumpFailure !== undefined && this.#failures.length < SHOWN) this.#failures.push(hindered);
    else if (excluded !== undefined && !terminate) {
      if (this.#others.length < SHOWN) this.#others.push(hindered);
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
    for (const { pod, permission } of this.#failures) {
      const { dumpFailure = '', retryAt, terminate } = permission;
      const seconds = retryAt === undefined ? undefined : Math.max(1, Math.ceil((retryAt - now) / 1000));
      const again = seconds === undefined ? '' : `, or again in ${formatDuration(seconds * 1000)}`;
      const next = terminate ? 'it may be terminated' : planned ? 'other victims' : `other victims${again}`;
      text += ` Victim ${pod.key} could not be checkpointed: ${dumpFailure.replace(/\.$/, '')}; next: ${next}.`;
    }
    if (planned || this.#others.length === 0) return text;
    const named = this.#others.map((other) => `${other.pod.key} (${this.#current(other).excluded ?? 'no longer'})`);
    return `${text} Left alone: ${named.join(', ')}${this.#unshown === 0 ? '' : ` and ${this.#unshown} more`}.`;
  }
}
