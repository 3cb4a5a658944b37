import type { Clock } from '../clock/index.ts';
import { rfc3339 } from '../clock/index.ts';
import { isApiError, type ObjectStore, type Reflector } from '../kubernetes/index.ts';
import {
  type GroupDecision,
  type GroupRestoration,
  isConditionTrue,
  keyOf,
  POD_GROUP_CHECKPOINTS,
  type PodCheckpoint,
  type PodGroupCheckpoint,
  type PodGroupCheckpointStatus,
  PREPARED_CONDITION,
  restoreRoundOf,
} from '../model/index.ts';
import { GROUP_POLL_MILLISECONDS } from './defaults.ts';
import type { Journal, JournalEntry } from './journal.ts';

/** The PodGroupCheckpoint a checkpoint was made for; another one of the same name is not it. */
export interface GroupRef {
  namespace: string;
  name: string;
  uid: string;
}

/** Undefined: the checkpoint is of no group. */
export function groupOf(checkpoint: PodCheckpoint): GroupRef | undefined {
  const { group } = checkpoint.spec;
  if (group === undefined) return undefined;
  const owner = checkpoint.metadata.ownerReferences?.find(
    ({ kind, name }) => kind === POD_GROUP_CHECKPOINTS.kind && name === group,
  );
  // Made by hand for a group that does not know it: nothing will ever be decided for it.
  return { namespace: checkpoint.metadata.namespace ?? '', name: group, uid: owner?.uid ?? '' };
}

/**
 * The agent's part in the commit of a group: it reads the decision, and may itself decide one thing, that the group is aborted.
 * The decision stands in the PodGroupCheckpoint's status and is written once, tied to the version it was made from; so of two that
 * decide at the same time one does, and everybody hears the same. A group that is gone was not committed: its finalizer keeps it
 * until all have acted.
 */
export class GroupVotes {
  readonly #parts: { store: ObjectStore; clock: Clock };
  readonly #groups: Reflector<PodGroupCheckpoint>;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(parts: { store: ObjectStore; clock: Clock }, groups: Reflector<PodGroupCheckpoint>) {
    this.#parts = parts;
    this.#groups = groups;
  }

  /** To be called with every change of a group. */
  changed(group: PodGroupCheckpoint): void {
    for (const wake of this.#waiting.get(group.metadata.uid) ?? []) wake();
  }

  /** What was decided, as far as is known; the server is asked only where the watch has told nothing. */
  async decided(ref: GroupRef, signal: AbortSignal): Promise<GroupDecision | undefined> {
    const seen = this.#groups.get(keyOf({ metadata: ref }));
    if (seen?.metadata.uid === ref.uid && seen.status?.decision !== undefined) return seen.status.decision;
    const group = await this.current(ref, signal);
    return group === undefined ? this.#gone(ref) : group.status?.decision;
  }

  /** Waits for the decision. Rejects with the signal's reason, or when the server does not answer. */
  decision(ref: GroupRef, signal: AbortSignal): Promise<GroupDecision> {
    return this.until(ref, GROUP_POLL_MILLISECONDS, signal, () => this.decided(ref, signal));
  }

  /**
   * Looks at once, at every change of the group that the watch tells of, and every `pollMilliseconds`, until there is something
   * to see. Rejects with the signal's reason, or as `look` does.
   */
  async until<Seen>(
    ref: GroupRef,
    pollMilliseconds: number,
    signal: AbortSignal,
    look: () => Promise<Seen | undefined>,
  ): Promise<Seen> {
    for (;;) {
      const over = new AbortController();
      const told = this.#change(ref, over.signal);
      try {
        const seen = await look();
        if (seen !== undefined) return seen;
        // A watch may stall: after a while the server is asked all the same.
        const either = AbortSignal.any([signal, over.signal]);
        const poll = this.#parts.clock.sleep(pollMilliseconds, either).catch((error: unknown) => {
          if (!over.signal.aborted) throw error;
        });
        await Promise.race([told, poll]);
      } finally {
        over.abort();
      }
    }
  }

  /** Aborts the group unless it is decided; returns what holds then. */
  async abort(ref: GroupRef, message: string, signal: AbortSignal): Promise<GroupDecision> {
    for (;;) {
      const group = await this.current(ref, signal);
      if (group === undefined) return this.#gone(ref);
      if (group.status?.decision !== undefined) return group.status.decision;
      const decision: GroupDecision = { verdict: 'Aborted', message, time: rfc3339(this.#parts.clock.now()) };
      if (await this.#write(group, { decision }, signal)) return decision;
    }
  }

  /** False when the group is another one by now, or gone. */
  async #write(
    group: PodGroupCheckpoint,
    status: Pick<PodGroupCheckpointStatus, 'decision' | 'restoration'>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { namespace, name, uid, resourceVersion } = group.metadata;
    try {
      await this.#parts.store.patch(
        POD_GROUP_CHECKPOINTS,
        { namespace, name },
        { metadata: { uid, resourceVersion }, status },
        { subresource: 'status', signal },
      );
      return true;
    } catch (error) {
      if (!isApiError(error, 'Conflict', 'NotFound')) throw error;
      return false;
    }
  }

  /** Ends a round of the group's restore, unless it is over or the group goes on already: nobody runs by it, a later one may be tried. */
  async endRestore(ref: GroupRef, round: number, message: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const group = await this.current(ref, signal);
      if (group === undefined || group.status?.restoration?.verdict !== undefined) return;
      if (restoreRoundOf(group) > round) return;
      const restoration: GroupRestoration = { round: round + 1, message, time: rfc3339(this.#parts.clock.now()) };
      if (await this.#write(group, { restoration }, signal)) return;
    }
  }

  /** Why there is nothing to dump for any more: the member has voted already, or its group was decided without it. */
  async decidedWithout(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<string | undefined> {
    const group = groupOf(checkpoint);
    if (group === undefined) return undefined;
    // Its vote may be counted at any moment, so it must not begin anew.
    if (isConditionTrue(checkpoint.status?.conditions, PREPARED_CONDITION)) {
      return 'it had stood still for its group, and does no more';
    }
    const decision = await this.decided(group, signal);
    if (decision === undefined) return undefined;
    const verdict = decision.verdict === 'Aborted' ? 'aborted' : 'committed without it';
    return `the group ${group.name} was ${verdict}: ${decision.message ?? 'no reason given'}`;
  }

  /** Why a complete dump of a stopped pod does not count: it was never voted for, and its group is not committed. */
  async denialOf(entry: JournalEntry, journal: Journal, signal: AbortSignal): Promise<string | undefined> {
    const { group, checkpointUid } = entry;
    if (group === undefined) return undefined;
    if (journal.entries().some((one) => one.checkpointUid === checkpointUid && one.committed === true))
      return undefined;
    const decision = await this.abort(group, 'a member was stopped before the group was decided', signal);
    return decision.verdict === 'Committed' ? undefined : `the group ${group.name} was aborted: ${decision.message}`;
  }

  #gone(ref: GroupRef): GroupDecision {
    const message = `PodGroupCheckpoint ${ref.name} is gone`;
    return { verdict: 'Aborted', message, time: rfc3339(this.#parts.clock.now()) };
  }

  /** The group as the server has it now; undefined: it is gone. */
  async current(ref: GroupRef, signal: AbortSignal): Promise<PodGroupCheckpoint | undefined> {
    const { namespace, name, uid } = ref;
    try {
      const group = await this.#parts.store.get(POD_GROUP_CHECKPOINTS, { namespace, name }, { signal });
      return group.metadata.uid === uid ? group : undefined;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** Resolves at the next change the watch tells of, and when nobody waits for it any more. */
  #change(ref: GroupRef, over: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wakers = this.#waiting.get(ref.uid) ?? new Set();
      this.#waiting.set(ref.uid, wakers);
      wakers.add(resolve);
      const done = (): void => {
        wakers.delete(resolve);
        if (wakers.size === 0 && this.#waiting.get(ref.uid) === wakers) this.#waiting.delete(ref.uid);
        resolve();
      };
      over.addEventListener('abort', done, { once: true });
    });
  }
}
