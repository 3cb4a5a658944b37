import type { Clock } from '../clock/index.ts';
import { isApiError, type ObjectStore } from '../kubernetes/index.ts';
import {
  FermataError,
  type GroupMember,
  INCARNATION_ANNOTATION,
  isConditionTrue,
  keyOf,
  type Log,
  POD_CHECKPOINTS,
  type Pod,
  type PodCheckpoint,
  type PodCheckpointStatus,
  reasonOf,
  restoreRoundOf,
} from '../model/index.ts';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import { RESTORE_HOLD_MILLISECONDS, RESTORE_POLL_MILLISECONDS } from './defaults.ts';
import { type GroupRef, type GroupVotes, groupOf } from './group-votes.ts';

interface Parts {
  store: ObjectStore;
  clock: Clock;
  log: Log;
  writer: CheckpointWriter;
  votes: GroupVotes;
}

/**
 * The agent's part in bringing a group back whole: a member that is back stands still and votes (`restoration.prepared` of its
 * PodCheckpoint, for one round of the group's restore) until the group's status says `Committed`, written by the group controller when
 * all have voted. Who cannot come back, or has waited too long, ends the round instead: none runs, and all are tried again later.
 */
export class RestoreBallot {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What the pod has to wait for once it is back (`RestoreOptions.hold`); undefined: it comes back alone. */
  holdOf(pod: Pod, checkpoint: PodCheckpoint): ((signal: AbortSignal) => Promise<void>) | undefined {
    const group = groupOf(checkpoint);
    const isByController = pod.metadata.annotations?.[INCARNATION_ANNOTATION] !== undefined;
    if (group === undefined || !isByController || checkpoint.spec.postCheckpointState !== 'Stopped') return undefined;
    if (isConditionTrue(checkpoint.status?.conditions, 'Restored')) return undefined;
    return (signal) => this.#hold(group, pod, checkpoint, signal);
  }

  /** The pod is given up here before it ran. */
  async failed(pod: Pod, checkpointName: string, reason: string, signal: AbortSignal): Promise<void> {
    const { store, votes, log } = this.#parts;
    const { namespace, name } = pod.metadata;
    try {
      const checkpoint = await store.get(POD_CHECKPOINTS, { namespace, name: checkpointName }, { signal });
      const group = groupOf(checkpoint);
      if (group === undefined || this.holdOf(pod, checkpoint) === undefined) return;
      const current = await votes.current(group, signal);
      if (current !== undefined) {
        await votes.endRestore(group, restoreRoundOf(current), `pod ${name} did not come back: ${reason}`, signal);
      }
    } catch (error) {
      if (signal.aborted) throw error;
      // The others give up by themselves then, later.
      if (!isApiError(error, 'NotFound')) log.warn({ pod: keyOf(pod), reason: reasonOf(error) }, 'group not told');
    }
  }

  async #hold(ref: GroupRef, pod: Pod, checkpoint: PodCheckpoint, signal: AbortSignal): Promise<void> {
    const { votes, clock, writer } = this.#parts;
    const until = clock.now() + RESTORE_HOLD_MILLISECONDS;
    let round: number | undefined;
    await votes.until(ref, RESTORE_POLL_MILLISECONDS, signal, () =>
      this.#patiently(pod, signal, async () => {
        const group = await votes.current(ref, signal);
        const { restoration, members = [] } = group?.status ?? {};
        // Without its group, or alone in it, there is nobody to wait for.
        if (group === undefined || members.length < 2 || restoration?.verdict === 'Committed') return true;
        round ??= restoreRoundOf(group);
        if (restoreRoundOf(group) > round) throw refused(ref, pod, restoration?.message);
        if (clock.now() >= until) {
          const late = await this.#missing(ref.namespace, members, round, signal);
          const what = late.length === 0 ? 'not let go' : `${late.join(', ')} not back`;
          const limit = `${what} within ${RESTORE_HOLD_MILLISECONDS / 1000} s`;
          await votes.endRestore(ref, round, limit, signal);
          return undefined;
        }
        const vote = { podUID: pod.metadata.uid, round };
        await writer.status(checkpoint, (current) => prepared(current, pod, vote), signal);
        return undefined;
      }),
    );
  }

  /** Names of the pods that nobody has voted for. */
  async #missing(
    namespace: string,
    members: readonly GroupMember[],
    round: number,
    signal: AbortSignal,
  ): Promise<string[]> {
    const { items } = await this.#parts.store.list(POD_CHECKPOINTS, { namespace, signal });
    const there = new Set(
      items
        .filter(
          ({ status }) =>
            status?.restoration?.prepared?.round === round || isConditionTrue(status?.conditions, 'Restored'),
        )
        .map(({ metadata }) => metadata.name),
    );
    return members.filter(({ podCheckpointName }) => !there.has(podCheckpointName)).map(({ name }) => name);
  }

  /** Once it has voted it may not decide alone, however long the server does not answer. */
  async #patiently(pod: Pod, signal: AbortSignal, look: () => Promise<true | undefined>): Promise<true | undefined> {
    try {
      return await look();
    } catch (error) {
      if (signal.aborted || (error instanceof FermataError && error.code === 'RestoreRefused')) throw error;
      this.#parts.log.warn({ pod: keyOf(pod), reason: reasonOf(error) }, 'held until its group can be asked');
      return undefined;
    }
  }
}

function prepared(current: PodCheckpoint, pod: Pod, vote: { podUID: string; round: number }): PodCheckpointStatus {
  const { restoration } = current.status ?? {};
  return { ...current.status, restoration: { podName: pod.metadata.name, ...restoration, prepared: vote } };
}

function refused(ref: GroupRef, pod: Pod, reason: string | undefined): FermataError {
  const { namespace, name } = pod.metadata;
  return new FermataError(
    'RestoreRefused',
    `pod ${namespace}/${name} was back and did not run, since its group ${ref.name} does not come back whole: ${reason ?? 'no reason given'}`,
    { nextStep: 'all of the group are tried again, later' },
  );
}
