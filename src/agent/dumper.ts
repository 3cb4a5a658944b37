import type { DigestsAhead, Manifest } from '../checkpoint/index.ts';
import { adviceOf, FermataError, keyOf, type Pod, type PodCheckpoint, reasonOf } from '../model/index.ts';
import { hasFailed, inProgress, isReady } from './checkpoint-status.ts';
import { FOLLOW_MILLISECONDS } from './defaults.ts';
import { DumpClearance } from './dump-clearance.ts';
import { containersOf, firstEntry } from './dump-entry.ts';
import { DumpProof, isFrozen } from './dump-proof.ts';
import { lackOfSpace, refusalFor } from './dump-refusal.ts';
import { DumpSteps } from './dump-steps.ts';
import type { DumperOptions, DumperParts } from './dumper-parts.ts';
import { FrozenWait } from './frozen-wait.ts';
import type { GroupBallot } from './group-ballot.ts';
import { describeImages } from './images.ts';
import type { JournalEntry } from './journal.ts';
import { type BallotContext, ballotOf } from './member-ballot.ts';
import { outsidePolicy } from './outside-policy.ts';
import { podTemplate } from './pod-template.ts';
import { Sealer, type SealOutcome } from './sealer.ts';
import { readUpstreamRecord, upstreamObstacle } from './upstream.ts';

/** Failures of the dump itself, after which the pod runs on; anything else leaves open what became of it. */
const DUMP_FAILURES: ReadonlySet<string> = new Set([
  'CheckpointUnsupported',
  'ConnectionsOutside',
  'DumpFailed',
  'DumpRefused',
  'DumpTimeout',
  'PodNotRunning',
]);

/**
 * Carries one checkpoint from the order to `Ready`. Each step is in the journal before it is taken, so that an agent
 * killed anywhere, and started again, brings it to the same end: a pod that still runs is dumped again, a dump that is
 * complete is sealed, a seal that was not reported is reported.
 */
export class Dumper {
  readonly #parts: DumperParts;
  readonly #options: DumperOptions;
  readonly #steps: DumpSteps;
  readonly #proof: DumpProof;
  readonly #ballots: BallotContext;
  readonly #sealer: Sealer;
  readonly #clearance: DumpClearance;
  /** By UID of the PodCheckpoint: cuts its dump short, as long as it is one. */
  readonly #cancels = new Map<string, { podUid: string; groupUid: string | undefined; controller: AbortController }>();

  constructor(parts: DumperParts, options: DumperOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#steps = new DumpSteps(parts, options);
    this.#proof = new DumpProof(parts, this.#steps);
    this.#ballots = { ...parts, steps: this.#steps, proof: this.#proof };
    this.#sealer = new Sealer(parts, options, this.#steps);
    this.#clearance = new DumpClearance(parts, options, this.#steps, this.#ballots);
  }

  /** Stops the dump of that PodCheckpoint, of that pod, or those of that group, while the pods can still run on. */
  cancel(uid: string, reason: string): void {
    for (const [checkpointUid, { podUid, groupUid, controller }] of this.#cancels) {
      if (checkpointUid === uid || podUid === uid || groupUid === uid) controller.abort(new Error(reason));
    }
  }

  /** Takes up a checkpoint of a pod of this node. Both objects are as the server has them now. */
  async begin(checkpoint: PodCheckpoint, pod: Pod, signal: AbortSignal): Promise<void> {
    const { clock, runtime, writer, storage, journal, unsettled, demand, votes } = this.#parts;
    const podUid = pod.metadata.uid;
    const present = (await runtime.list(signal)).find(({ uid }) => uid === podUid);
    const refusal =
      refusalFor(pod, present) ??
      (await demand?.refusal(pod, signal)) ??
      (await votes.decidedWithout(checkpoint, signal)) ??
      (await lackOfSpace(pod, present, storage, this.#options));
    if (refusal !== undefined) return this.#clearance.fail(checkpoint, refusal, signal);
    const facts = { nodeName: this.#options.nodeName, podUid };
    const claimed = await writer.status(
      checkpoint,
      (current) =>
        isReady(current) || hasFailed(current) ? (current.status ?? {}) : inProgress(current, facts, clock.now()),
      signal,
    );
    // What was refused before may be said only now, by an answer that was late.
    if (claimed === undefined || isReady(claimed) || hasFailed(claimed)) return;
    const held = await writer.addFinalizer(claimed, signal);
    if (held === undefined) return;
    if (held.metadata.deletionTimestamp !== undefined) return this.#clearance.fail(held, 'it is being deleted', signal);
    const policy = await demand?.policyOf(pod, signal);
    const outside = await outsidePolicy(policy, checkpoint, votes, signal);
    const entry: JournalEntry = {
      ...firstEntry(checkpoint, pod, clock.now()),
      ...(outside !== undefined && { outside }),
      ...(this.#options.upstream && upstreamObstacle(pod, checkpoint, policy) === undefined && { upstream: true }),
    };
    await storage.ensure(this.#options.directory);
    await storage.files.remove(this.#steps.path(entry));
    unsettled.add(podUid, entry.checkpointUid);
    journal.put(entry);
    await this.#dump(held, entry, pod, signal);
  }

  /**
   * Goes on with what the journal holds, whoever began it. `pod` is the source pod while it exists and is not being
   * deleted; `checkpoint` is undefined when the object is gone.
   */
  async resume(
    checkpoint: PodCheckpoint | undefined,
    entry: JournalEntry,
    pod: Pod | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (checkpoint === undefined) return this.#clearance.abandon(entry, signal);
    if (isReady(checkpoint)) return this.#steps.settle(entry);
    if (hasFailed(checkpoint)) return this.#clearance.cleanUp(checkpoint, entry, signal);
    if (entry.step === 'failed')
      return this.#clearance.fail(checkpoint, entry.failure ?? 'the dump failed', signal, entry);
    if (entry.step === 'sealed')
      return this.#finish(checkpoint, entry, await this.#sealer.report(checkpoint, entry, signal), signal);
    if (entry.step === 'dumped') return this.#seal(checkpoint, entry, signal);
    const ballot = ballotOf(this.#ballots, checkpoint, entry, { stop: signal, cancel: new AbortController().signal });
    const found = await this.#parts.runtime.recoverDump(entry.podUid, {
      ...this.#steps.orderOf(entry, signal),
      ...(ballot !== undefined && { decide: (held) => ballot.decide(held) }),
    });
    this.#parts.log.info({ checkpoint: keyOf(checkpoint), found }, 'recovering a dump that was cut off');
    if (ballot?.refusal !== undefined && found === 'running') {
      return this.#clearance.fail(checkpoint, ballot.refusal, signal, entry);
    }
    if (found === 'lost') {
      return this.#clearance.fail(
        checkpoint,
        'the dump was cut off and the pod did not survive it; what becomes of it is up to its restart policy',
        signal,
        entry,
      );
    }
    if (found === 'dumped') {
      const denial = await this.#parts.votes.denialOf(entry, this.#parts.journal, signal);
      if (denial !== undefined) return this.#clearance.fail(checkpoint, denial, signal, entry);
      this.#parts.counters.dumpsRecovered++;
      const committed = entry.group === undefined ? {} : { committed: true };
      const dumped = await this.#described(entry);
      return this.#seal(checkpoint, this.#steps.advance(entry, { ...dumped, ...committed }), signal);
    }
    const decided = await this.#parts.votes.decidedWithout(checkpoint, signal);
    if (decided !== undefined) return this.#clearance.fail(checkpoint, decided, signal, entry);
    await this.#parts.storage.files.remove(this.#steps.path(entry));
    if (pod === undefined) return this.#clearance.fail(checkpoint, 'the pod is being deleted, or gone', signal, entry);
    if (checkpoint.metadata.deletionTimestamp !== undefined) {
      return this.#clearance.fail(checkpoint, 'the PodCheckpoint is being deleted', signal, entry);
    }
    await this.#dump(checkpoint, entry, pod, signal);
  }

  async #dump(checkpoint: PodCheckpoint, entry: JournalEntry, pod: Pod, signal: AbortSignal): Promise<void> {
    const { runtime, slots, storage, clock, counters } = this.#parts;
    const cancel = new AbortController();
    this.#cancels.set(entry.checkpointUid, { podUid: entry.podUid, groupUid: entry.group?.uid, controller: cancel });
    const either = AbortSignal.any([signal, cancel.signal]);
    const { files } = storage;
    let ahead: DigestsAhead | undefined;
    let dumped: JournalEntry;
    const waiting = new FrozenWait(this.#parts, checkpoint, entry.podUid);
    let ended: Promise<void> | undefined;
    let ballot: GroupBallot | undefined;
    try {
      await waiting.begin(either);
      dumped = await slots.run(either, async (release) => {
        waiting.dumpBegins();
        const ordered = this.#steps.advance(entry, { orderedAt: clock.now(), template: podTemplate(pod, clock.now()) });
        counters.dumpsStarted++;
        const after = ordered.leaveRunning ? 'runs on' : 'is stopped by it';
        this.#steps.tell(checkpoint, pod, 'Normal', 'Checkpointing', `Dump begins; the pod ${after}`);
        // A pod that is to run on stands still until the dump is complete, and nobody waits for its digests.
        if (!ordered.leaveRunning) {
          const pause = (): Promise<void> => clock.sleep(FOLLOW_MILLISECONDS, either);
          ahead = files.digestsAhead?.(this.#steps.path(entry), { signal: either, pause });
        }
        ballot = ballotOf(this.#ballots, checkpoint, ordered, { stop: signal, cancel: cancel.signal });
        const report = await runtime.checkpointPod(entry.podUid, {
          ...this.#steps.orderOf(ordered, either),
          onImages: () => ahead?.complete(),
          ...(ballot !== undefined && {
            decide: async (held) => {
              // Another member of the group may be waiting for it.
              release();
              return (await ballot?.decide(held)) === true;
            },
          }),
        });
        ahead?.complete();
        ended = report.ended;
        const committed = ballot === undefined ? {} : { committed: true };
        const { upstream: heldBy, containers } = report;
        const held = heldBy === undefined ? { containers } : { containers: heldBy.containers, heldBy };
        return { ...ordered, ...committed, step: 'dumped', ...held, dumpedAt: clock.now() };
      });
    } catch (error) {
      ahead?.abandon();
      await waiting.undo();
      // Held, and to be taken up again: what becomes of it is decided elsewhere.
      if (signal.aborted || ballot?.isOpen === true) throw error;
      const known = error instanceof FermataError && DUMP_FAILURES.has(error.code);
      if (!known && !cancel.signal.aborted) throw error;
      const reason = ballot?.refusal ?? (cancel.signal.aborted ? reasonOf(cancel.signal.reason) : adviceOf(error));
      return this.#undo(checkpoint, entry, reason, signal);
    } finally {
      this.#cancels.delete(entry.checkpointUid);
    }
    // The group was committed although this dump was to be cut short: so were its digests.
    if (cancel.signal.aborted) ahead = undefined;
    // While the kernel takes back the memory of the killed processes, what they left is digested.
    const sealing = this.#sealer.writeManifest(dumped, signal, { ahead, ended });
    const [lie] = await Promise.allSettled([this.#proof.disproof(dumped, signal, ended), sealing]);
    if (lie.status === 'rejected') throw lie.reason;
    if (lie.value !== undefined) return this.#undo(checkpoint, entry, lie.value, signal);
    this.#parts.journal.put(dumped);
    await this.#seal(checkpoint, dumped, signal, sealing);
  }

  /** The dump failed: the pod is to run on, and is looked at whether it does. */
  async #undo(checkpoint: PodCheckpoint, entry: JournalEntry, reason: string, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    const present = (await runtime.list(signal)).find((pod) => pod.uid === entry.podUid);
    const stopped = present !== undefined && !present.containers.some((container) => container.state === 'running');
    if (!stopped) return this.#clearance.fail(checkpoint, reason, signal, entry);
    const found = await runtime.recoverDump(entry.podUid, this.#steps.orderOf(entry, signal));
    if (found === 'running') return this.#clearance.fail(checkpoint, reason, signal, entry);
    if (found === 'dumped' && (await this.#proof.disproof(entry, signal)) === undefined) {
      return this.#seal(checkpoint, this.#steps.advance(entry, await this.#described(entry)), signal);
    }
    const after = isFrozen(present)
      ? '; the pod did not survive it, and what becomes of it is up to its restart policy'
      : '';
    await this.#clearance.fail(checkpoint, `${reason}${after}`, signal, entry);
  }

  /** A complete dump of which nobody was told. */
  async #described(entry: JournalEntry): Promise<Pick<JournalEntry, 'step' | 'containers' | 'heldBy'>> {
    const { files } = this.#parts.storage;
    const path = this.#steps.path(entry);
    const heldBy = entry.upstream === true ? await readUpstreamRecord(path, files) : undefined;
    if (heldBy !== undefined) return { step: 'dumped', containers: heldBy.containers, heldBy };
    return { step: 'dumped', containers: await describeImages(path, containersOf(entry), files) };
  }

  async #seal(
    checkpoint: PodCheckpoint,
    entry: JournalEntry,
    signal: AbortSignal,
    sealing?: Promise<Manifest>,
  ): Promise<void> {
    const outcome = await this.#sealer.seal(checkpoint, entry, signal, sealing);
    await this.#finish(checkpoint, entry, outcome, signal);
  }

  async #finish(
    checkpoint: PodCheckpoint,
    entry: JournalEntry,
    outcome: SealOutcome,
    signal: AbortSignal,
  ): Promise<void> {
    switch (outcome.left) {
      case 'nothing':
        return;
      case 'no checkpoint':
        return this.#undo(checkpoint, { ...entry, step: 'dumping' }, outcome.why, signal);
      case 'unsealed':
        return this.#clearance.fail(checkpoint, outcome.why, signal, entry);
      case 'no object':
        return this.#clearance.abandon(entry, signal);
    }
  }
}
