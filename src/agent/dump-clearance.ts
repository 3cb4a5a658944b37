import { keyOf, type PodCheckpoint } from '../model/index.ts';
import { failed } from './checkpoint-status.ts';
import { isFrozen } from './dump-proof.ts';
import type { DumpSteps } from './dump-steps.ts';
import type { DumperOptions, DumperParts } from './dumper-parts.ts';
import { groupOf } from './group-votes.ts';
import type { JournalEntry } from './journal.ts';
import { type BallotContext, ballotOf } from './member-ballot.ts';

/** Gives dumps up, says why, and clears away what is left of them. */
export class DumpClearance {
  readonly #parts: DumperParts;
  readonly #options: Pick<DumperOptions, 'nodeName'>;
  readonly #steps: DumpSteps;
  readonly #ballots: BallotContext;

  constructor(parts: DumperParts, options: Pick<DumperOptions, 'nodeName'>, steps: DumpSteps, ballots: BallotContext) {
    this.#parts = parts;
    this.#options = options;
    this.#steps = steps;
    this.#ballots = ballots;
  }

  /** Says that it failed, and why; then nothing of it is left. */
  async fail(checkpoint: PodCheckpoint, message: string, signal: AbortSignal, entry?: JournalEntry): Promise<void> {
    const { writer, clock, counters, log, votes } = this.#parts;
    // Said once, it stays: when no answer comes the server may have heard it all the same, and may still be going to.
    if (entry !== undefined) this.#steps.advance(entry, { step: 'failed', failure: message });
    const group = entry?.group ?? groupOf(checkpoint);
    // First: from then on the group cannot be committed without this member.
    if (group !== undefined) await votes.abort(group, `pod ${checkpoint.spec.sourcePod.name}: ${message}`, signal);
    const failure = { reason: 'CheckpointFailed', message, nodeName: this.#options.nodeName } as const;
    const current = await writer.status(checkpoint, (one) => failed(one, failure, clock.now()), signal);
    counters.dumpsFailed++;
    this.#steps.tell(
      checkpoint,
      undefined,
      'Warning',
      'CheckpointFailed',
      `Checkpoint ${checkpoint.metadata.name} failed: ${message}`,
    );
    log.warn({ checkpoint: keyOf(checkpoint), reason: message }, 'checkpoint failed');
    if (entry !== undefined) await this.cleanUp(current, entry, signal);
    else if (current !== undefined) await writer.removeFinalizer(current, signal);
  }

  /** After the failure was said. */
  async cleanUp(checkpoint: PodCheckpoint | undefined, entry: JournalEntry, signal: AbortSignal): Promise<void> {
    const { runtime, storage, writer } = this.#parts;
    const present = (await runtime.list(signal)).find((pod) => pod.uid === entry.podUid);
    // Frozen without a checkpoint it could be restored from: only removed can it be started anew.
    if (isFrozen(present)) await runtime.removePod(entry.podUid, 0, signal);
    await runtime.discardDump?.(this.#steps.path(entry));
    await storage.files.remove(this.#steps.path(entry));
    if (checkpoint !== undefined) await writer.removeFinalizer(checkpoint, signal);
    this.#steps.settle(entry);
  }

  /**
   * The PodCheckpoint was removed by force under the agent's hands. A pod that was stopped for it is held as long as it is
   * there: its state is not thrown away because an object is.
   */
  async abandon(entry: JournalEntry, signal: AbortSignal): Promise<void> {
    const { runtime, storage, log } = this.#parts;
    const ballot = ballotOf(this.#ballots, undefined, entry, { stop: signal, cancel: new AbortController().signal });
    const found =
      entry.step === 'dumping'
        ? await runtime.recoverDump(entry.podUid, {
            ...this.#steps.orderOf(entry, signal),
            ...(ballot !== undefined && { decide: (held) => ballot.decide(held) }),
          })
        : 'dumped';
    const present = (await runtime.list(signal)).find((pod) => pod.uid === entry.podUid);
    if (found === 'dumped' && isFrozen(present)) {
      log.error(
        { checkpoint: `${entry.namespace}/${entry.name}`, podUid: entry.podUid, directory: this.#steps.path(entry) },
        'the PodCheckpoint of a stopped pod was removed by force: its state is kept until the pod is deleted',
      );
      this.#parts.unsettled.delete(entry.podUid, entry.checkpointUid);
      return;
    }
    await runtime.discardDump?.(this.#steps.path(entry));
    await storage.files.remove(this.#steps.path(entry));
    this.#steps.settle(entry);
  }
}
