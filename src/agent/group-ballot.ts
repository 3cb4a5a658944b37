import type { Clock } from '../clock/index.ts';
import { type GroupDecision, type PodCheckpoint, reasonOf } from '../model/index.ts';
import type { HeldDump } from '../runtime/index.ts';
import { prepared } from './checkpoint-status.ts';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import { GROUP_GRACE_MILLISECONDS } from './defaults.ts';
import type { GroupRef, GroupVotes } from './group-votes.ts';
import type { JournalEntry } from './journal.ts';

export interface BallotParts {
  votes: GroupVotes;
  writer: CheckpointWriter;
  clock: Clock;
  /** What is wrong with the images of the held dump; undefined: they are verified. */
  defect: (held: HeldDump) => Promise<string | undefined>;
  /** Notes in the journal that the group is committed, before anything follows from it. */
  commit: () => void;
}

/**
 * One member's part in the commit of its group in two phases. Its vote is the condition `Prepared`; what is decided it learns from the
 * PodGroupCheckpoint, however long that takes: a member that has voted may not decide alone. Before it votes, and when the decision
 * does not come in time, it may abort the group, which counts only if nothing was decided.
 */
export class GroupBallot {
  readonly #parts: BallotParts;
  readonly #ref: GroupRef;
  readonly #entry: JournalEntry;
  readonly #checkpoint: PodCheckpoint | undefined;
  readonly #signals: { stop: AbortSignal; cancel: AbortSignal };
  /** Why the dump does not count. */
  refusal: string | undefined;
  /** It was asked and has no answer: the dump is held. */
  isOpen = false;

  /**
   * @param checkpoint undefined when the object is gone: there is no vote then
   * @param signals `stop` ends the waiting without a decision; `cancel` asks for the abort of the group
   */
  constructor(
    parts: BallotParts,
    ref: GroupRef,
    entry: JournalEntry,
    checkpoint: PodCheckpoint | undefined,
    signals: { stop: AbortSignal; cancel: AbortSignal },
  ) {
    this.#parts = parts;
    this.#ref = ref;
    this.#entry = entry;
    this.#checkpoint = checkpoint;
    this.#signals = signals;
  }

  /** For `CheckpointOptions.decide`. Rejects when the server does not answer, and when the agent stops. */
  async decide(held: HeldDump): Promise<boolean> {
    if (this.#entry.committed === true) return true;
    this.isOpen = true;
    const decision = await this.#decision(held);
    if (decision.verdict === 'Committed') this.#parts.commit();
    else this.refusal = `the group ${this.#ref.name} was aborted: ${decision.message ?? 'no reason given'}`;
    this.isOpen = false;
    return decision.verdict === 'Committed';
  }

  async #decision(held: HeldDump): Promise<GroupDecision> {
    const { votes, clock, writer } = this.#parts;
    const { stop, cancel } = this.#signals;
    const pod = this.#checkpoint?.spec.sourcePod.name ?? this.#entry.podUid;
    const objection =
      (this.#checkpoint === undefined ? `the PodCheckpoint of ${pod} is gone` : undefined) ??
      (held.still ? undefined : `pod ${pod} does not stand still`) ??
      (cancel.aborted ? reasonOf(cancel.reason) : undefined) ??
      (await this.#parts.defect(held));
    if (objection !== undefined) return votes.abort(this.#ref, `pod ${pod}: ${objection}`, stop);
    if (this.#checkpoint !== undefined) {
      const voted = await writer.status(this.#checkpoint, (current) => prepared(current, clock.now()), stop);
      if (voted === undefined) return votes.abort(this.#ref, `the PodCheckpoint of ${pod} is gone`, stop);
    }
    const left = this.#entry.orderedAt + this.#entry.timeoutMilliseconds + GROUP_GRACE_MILLISECONDS - clock.now();
    const over = new AbortController();
    const either = AbortSignal.any([stop, over.signal]);
    const objected = new Promise<string>((resolve) => {
      cancel.addEventListener('abort', () => resolve(reasonOf(cancel.reason)), { once: true, signal: over.signal });
      clock.sleep(Math.max(0, left), either).then(
        () => resolve('the group was not decided in time'),
        () => undefined, // decided, or the agent stops
      );
    });
    try {
      const decided = votes.decision(this.#ref, either);
      const first = await Promise.race([decided, objected]);
      if (typeof first !== 'string') return first;
      decided.catch(() => undefined); // what it would say the abort says too
      return await votes.abort(this.#ref, `pod ${pod}: ${first}`, stop);
    } finally {
      over.abort();
    }
  }
}
