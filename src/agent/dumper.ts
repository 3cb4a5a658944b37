import { join } from 'node:path';
import { type DigestsAhead, type Manifest, sealCheckpoint } from '../checkpoint/index.ts';
import { type Clock, rfc3339 } from '../clock/index.ts';
import type { EventRecorder } from '../kubernetes/index.ts';
import { adviceOf, FermataError, keyOf, type Log, type Pod, type PodCheckpoint, reasonOf } from '../model/index.ts';
import type { HeldDump, PodObservation, Runtime } from '../runtime/index.ts';
import { completed, failed, hasFailed, inProgress, isReady, isStopped } from './checkpoint-status.ts';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import type { AgentCounters } from './counters.ts';
import { DEFAULT_TIMEOUT_SECONDS, DISK_MARGIN_BYTES, FOLLOW_MILLISECONDS } from './defaults.ts';
import { GroupBallot } from './group-ballot.ts';
import { type GroupVotes, groupOf } from './group-votes.ts';
import { describeImages, IMAGE_FAILURES, statisticsOf, verifyImages } from './images.ts';
import type { Journal, JournalEntry } from './journal.ts';
import { podTemplate } from './pod-template.ts';
import type { Slots } from './slots.ts';
import type { CheckpointStorage } from './storage.ts';
import type { UnsettledPods } from './unsettled-pods.ts';

export interface DumperParts {
  runtime: Runtime;
  clock: Clock;
  log: Log;
  events: EventRecorder;
  journal: Journal;
  storage: CheckpointStorage;
  writer: CheckpointWriter;
  counters: AgentCounters;
  unsettled: UnsettledPods;
  slots: Slots;
  votes: GroupVotes;
}

export interface DumperOptions {
  nodeName: string;
  /** Absolute; the checkpoints lie right below. */
  directory: string;
  /** `<pods>/<pod uid>/volumes/<volume>` is where the node keeps `emptyDir` volumes; absent: they are not captured. */
  podsDirectory?: string | undefined;
}

/** Failures of the dump itself, after which the pod runs on; anything else leaves open what became of it. */
const DUMP_FAILURES = new Set(['DumpFailed', 'DumpRefused', 'DumpTimeout', 'CheckpointUnsupported', 'PodNotRunning']);

/**
 * Carries one checkpoint from the order to `Ready`. Each step is in the journal before it is taken, so that an agent
 * killed anywhere, and started again, brings it to the same end: a pod that still runs is dumped again, a dump that is
 * complete is sealed, a seal that was not reported is reported.
 */
export class Dumper {
  readonly #parts: DumperParts;
  readonly #options: DumperOptions;
  /** By UID of the PodCheckpoint: cuts its dump short, as long as it is one. */
  readonly #cancels = new Map<string, { podUid: string; groupUid: string | undefined; controller: AbortController }>();

  constructor(parts: DumperParts, options: DumperOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Stops the dump of that PodCheckpoint, of that pod, or those of that group, while the pods can still run on. */
  cancel(uid: string, reason: string): void {
    for (const [checkpointUid, { podUid, groupUid, controller }] of this.#cancels) {
      if (checkpointUid === uid || podUid === uid || groupUid === uid) controller.abort(new Error(reason));
    }
  }

  /** Takes up a checkpoint of a pod of this node. Both objects are as the server has them now. */
  async begin(checkpoint: PodCheckpoint, pod: Pod, signal: AbortSignal): Promise<void> {
    const { clock, runtime, writer, storage, journal, unsettled } = this.#parts;
    const podUid = pod.metadata.uid;
    const present = (await runtime.list(signal)).find(({ uid }) => uid === podUid);
    const group = groupOf(checkpoint);
    const refusal =
      refusalFor(pod, present) ??
      (await this.#parts.votes.decidedWithout(checkpoint, signal)) ??
      (await this.#lackOfSpace(pod, present));
    if (refusal !== undefined) return this.#fail(checkpoint, refusal, signal);
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
    if (held.metadata.deletionTimestamp !== undefined) return this.#fail(held, 'it is being deleted', signal);
    const entry: JournalEntry = {
      checkpointUid: checkpoint.metadata.uid,
      namespace: checkpoint.metadata.namespace ?? '',
      name: checkpoint.metadata.name,
      podUid,
      folder: folderOf(checkpoint),
      leaveRunning: !isStopped(checkpoint),
      timeoutMilliseconds: (checkpoint.spec.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS) * 1000,
      step: 'dumping',
      orderedAt: clock.now(),
      template: podTemplate(pod, clock.now()),
      emptyDirs: emptyDirsOf(pod),
      ...(group !== undefined && { group }),
    };
    await storage.ensure(this.#options.directory);
    await storage.files.remove(this.#path(entry));
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
    if (checkpoint === undefined) return this.#abandon(entry, signal);
    if (isReady(checkpoint)) return this.#settle(entry);
    if (hasFailed(checkpoint)) return this.#cleanUp(checkpoint, entry, signal);
    if (entry.step === 'failed') return this.#fail(checkpoint, entry.failure ?? 'the dump failed', signal, entry);
    if (entry.step === 'sealed') return this.#report(checkpoint, entry, signal);
    if (entry.step === 'dumped') return this.#seal(checkpoint, entry, signal);
    const ballot = this.#ballot(checkpoint, entry, { stop: signal, cancel: new AbortController().signal });
    const found = await this.#parts.runtime.recoverDump(entry.podUid, {
      ...this.#orderOf(entry, signal),
      ...(ballot !== undefined && { decide: (held) => ballot.decide(held) }),
    });
    this.#parts.log.info({ checkpoint: keyOf(checkpoint), found }, 'recovering a dump that was cut off');
    if (ballot?.refusal !== undefined && found === 'running') {
      return this.#fail(checkpoint, ballot.refusal, signal, entry);
    }
    if (found === 'lost') {
      return this.#fail(
        checkpoint,
        'the dump was cut off and the pod did not survive it; what becomes of it is up to its restart policy',
        signal,
        entry,
      );
    }
    if (found === 'dumped') {
      const denial = await this.#parts.votes.denialOf(entry, this.#parts.journal, signal);
      if (denial !== undefined) return this.#fail(checkpoint, denial, signal, entry);
      this.#parts.counters.dumpsRecovered++;
      const containers = await describeImages(this.#path(entry), containersOf(entry), this.#parts.storage.files);
      const committed = entry.group === undefined ? {} : { committed: true };
      return this.#seal(checkpoint, this.#advance(entry, { step: 'dumped', containers, ...committed }), signal);
    }
    const decided = await this.#parts.votes.decidedWithout(checkpoint, signal);
    if (decided !== undefined) return this.#fail(checkpoint, decided, signal, entry);
    await this.#parts.storage.files.remove(this.#path(entry));
    if (pod === undefined) return this.#fail(checkpoint, 'the pod is being deleted, or gone', signal, entry);
    if (checkpoint.metadata.deletionTimestamp !== undefined) {
      return this.#fail(checkpoint, 'the PodCheckpoint is being deleted', signal, entry);
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
    let ended: Promise<void> | undefined;
    let ballot: GroupBallot | undefined;
    try {
      dumped = await slots.run(either, async (release) => {
        const ordered = this.#advance(entry, { orderedAt: clock.now(), template: podTemplate(pod, clock.now()) });
        counters.dumpsStarted++;
        const after = ordered.leaveRunning ? 'runs on' : 'is stopped by it';
        this.#tell(checkpoint, pod, 'Normal', 'Checkpointing', `Dump begins; the pod ${after}`);
        // A pod that is to run on stands still until the dump is complete, and nobody waits for its digests.
        if (!ordered.leaveRunning) {
          const pause = (): Promise<void> => clock.sleep(FOLLOW_MILLISECONDS, either);
          ahead = files.digestsAhead?.(this.#path(entry), { signal: either, pause });
        }
        ballot = this.#ballot(checkpoint, ordered, { stop: signal, cancel: cancel.signal });
        const report = await runtime.checkpointPod(entry.podUid, {
          ...this.#orderOf(ordered, either),
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
        return { ...ordered, ...committed, step: 'dumped', containers: report.containers, dumpedAt: clock.now() };
      });
    } catch (error) {
      ahead?.abandon();
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
    const sealing = this.#writeManifest(dumped, signal, { ahead, ended });
    const [lie] = await Promise.allSettled([this.#disproof(dumped, signal, ended), sealing]);
    if (lie.status === 'rejected') throw lie.reason;
    if (lie.value !== undefined) return this.#undo(checkpoint, entry, lie.value, signal);
    this.#parts.journal.put(dumped);
    await this.#seal(checkpoint, dumped, signal, sealing);
  }

  #ballot(
    checkpoint: PodCheckpoint | undefined,
    entry: JournalEntry,
    signals: { stop: AbortSignal; cancel: AbortSignal },
  ): GroupBallot | undefined {
    if (entry.group === undefined) return undefined;
    const { votes, writer, clock } = this.#parts;
    const defect = async ({ report }: HeldDump): Promise<string | undefined> => {
      const { files } = this.#parts.storage;
      const containers = report?.containers ?? (await describeImages(this.#path(entry), containersOf(entry), files));
      return this.#defectOf({ ...entry, containers });
    };
    const commit = (): void => {
      this.#advance(entry, { committed: true });
    };
    return new GroupBallot({ votes, writer, clock, defect, commit }, entry.group, entry, checkpoint, signals);
  }

  /** Success is believed only when what is seen fits it. */
  async #disproof(entry: JournalEntry, signal: AbortSignal, ended?: Promise<void>): Promise<string | undefined> {
    const [defect, survivor] = await Promise.all([this.#defectOf(entry), this.#survivorOf(entry, signal, ended)]);
    if (survivor === undefined) return defect;
    return `the runtime reported a dump, but container ${survivor} still runs`;
  }

  async #survivorOf(entry: JournalEntry, signal: AbortSignal, ended?: Promise<void>): Promise<string | undefined> {
    if (entry.leaveRunning) return undefined;
    await ended;
    const present = (await this.#parts.runtime.list(signal)).find((pod) => pod.uid === entry.podUid);
    return present?.containers.find((container) => container.state === 'running')?.name;
  }

  async #defectOf(entry: JournalEntry): Promise<string | undefined> {
    try {
      await verifyImages(this.#path(entry), namesOf(entry), this.#parts.storage.files);
      return undefined;
    } catch (error) {
      if (error instanceof FermataError && IMAGE_FAILURES.has(error.code)) return error.message;
      throw error;
    }
  }

  /** The dump failed: the pod is to run on, and is looked at whether it does. */
  async #undo(checkpoint: PodCheckpoint, entry: JournalEntry, reason: string, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    const present = (await runtime.list(signal)).find((pod) => pod.uid === entry.podUid);
    const stopped = present !== undefined && !present.containers.some((container) => container.state === 'running');
    if (!stopped) return this.#fail(checkpoint, reason, signal, entry);
    const found = await runtime.recoverDump(entry.podUid, this.#orderOf(entry, signal));
    if (found === 'running') return this.#fail(checkpoint, reason, signal, entry);
    if (found === 'dumped' && (await this.#disproof(entry, signal)) === undefined) {
      const containers = await describeImages(this.#path(entry), containersOf(entry), this.#parts.storage.files);
      return this.#seal(checkpoint, this.#advance(entry, { step: 'dumped', containers }), signal);
    }
    const after = isFrozen(present)
      ? '; the pod did not survive it, and what becomes of it is up to its restart policy'
      : '';
    await this.#fail(checkpoint, `${reason}${after}`, signal, entry);
  }

  /** `sealing`: the manifest of images that were verified, on its way already. */
  async #seal(
    checkpoint: PodCheckpoint,
    entry: JournalEntry,
    signal: AbortSignal,
    sealing?: Promise<Manifest>,
  ): Promise<void> {
    const { storage, clock, events } = this.#parts;
    let manifest: Manifest;
    try {
      if (sealing === undefined) await verifyImages(this.#path(entry), namesOf(entry), storage.files);
      manifest = await (sealing ?? this.#writeManifest(entry, signal));
    } catch (error) {
      if (signal.aborted) throw error;
      const invalid = error instanceof FermataError && IMAGE_FAILURES.has(error.code);
      if (invalid) return this.#undo(checkpoint, { ...entry, step: 'dumping' }, error.message, signal);
      if (entry.leaveRunning && entry.committed !== true) return this.#fail(checkpoint, adviceOf(error), signal, entry);
      // The images are all there is of the pod: they are sealed as soon as that can be done.
      events.record(
        checkpoint,
        'Warning',
        'SealFailed',
        `The dump is complete but cannot be sealed yet: ${adviceOf(error)}`,
      );
      throw error;
    }
    const sealedAt = clock.now();
    await this.#report(
      checkpoint,
      this.#advance(entry, { step: 'sealed', sealedAt, manifestDigest: manifest.digest }),
      signal,
    );
  }

  async #writeManifest(
    entry: JournalEntry,
    signal: AbortSignal,
    known: { ahead?: DigestsAhead | undefined; ended?: Promise<void> | undefined } = {},
  ): Promise<Manifest> {
    const { files } = this.#parts.storage;
    const { podsDirectory } = this.#options;
    const path = this.#path(entry);
    if (podsDirectory !== undefined && entry.emptyDirs.length > 0) {
      await known.ended;
      for (const volume of entry.emptyDirs) {
        const folder = volumeFolder(podsDirectory, entry.podUid, volume);
        await this.#parts.storage.packVolume(folder, path, volume, signal);
      }
    }
    return sealCheckpoint(
      path,
      {
        createdAt: rfc3339(entry.dumpedAt ?? entry.orderedAt),
        containers: (entry.containers ?? []).map(statisticsOf),
        metadata: {
          checkpoint: `${entry.namespace}/${entry.name}`,
          checkpointUid: entry.checkpointUid,
          podUid: entry.podUid,
        },
      },
      { files, signal, ...(known.ahead && { ahead: known.ahead }) },
    );
  }

  async #report(checkpoint: PodCheckpoint, entry: JournalEntry, signal: AbortSignal): Promise<void> {
    const { writer, counters, log } = this.#parts;
    const { nodeName } = this.#options;
    const done = await writer.status(checkpoint, (current) => completed(current, entry, nodeName), signal);
    if (done === undefined) return this.#abandon(entry, signal);
    const { dumpMilliseconds = 0 } = done.status ?? {};
    const bytes = (entry.containers ?? []).reduce((sum, container) => sum + (container.sizeBytes ?? 0), 0);
    counters.dumpsCompleted++;
    counters.bytesDumped += bytes;
    counters.dumpMilliseconds += dumpMilliseconds;
    this.#settle(entry);
    const what = `${bytes} bytes in ${dumpMilliseconds} ms`;
    this.#tell(done, undefined, 'Normal', 'Checkpointed', `Checkpoint ${entry.name} is complete: ${what}`);
    const runtimeMilliseconds = (entry.dumpedAt ?? entry.orderedAt) - entry.orderedAt;
    const sealMilliseconds = (entry.sealedAt ?? entry.orderedAt) - (entry.dumpedAt ?? entry.orderedAt);
    log.info(
      { checkpoint: keyOf(done), bytes, dumpMilliseconds, runtimeMilliseconds, sealMilliseconds },
      'checkpoint complete',
    );
  }

  /** Says that it failed, and why; then nothing of it is left. */
  async #fail(checkpoint: PodCheckpoint, message: string, signal: AbortSignal, entry?: JournalEntry): Promise<void> {
    const { writer, clock, counters, log, votes } = this.#parts;
    // Said once, it stays: when no answer comes the server may have heard it all the same, and may still be going to.
    if (entry !== undefined) this.#advance(entry, { step: 'failed', failure: message });
    const group = entry?.group ?? groupOf(checkpoint);
    // First: from then on the group cannot be committed without this member.
    if (group !== undefined) await votes.abort(group, `pod ${checkpoint.spec.sourcePod.name}: ${message}`, signal);
    const failure = { reason: 'CheckpointFailed', message, nodeName: this.#options.nodeName } as const;
    const current = await writer.status(checkpoint, (one) => failed(one, failure, clock.now()), signal);
    counters.dumpsFailed++;
    this.#tell(
      checkpoint,
      undefined,
      'Warning',
      'CheckpointFailed',
      `Checkpoint ${checkpoint.metadata.name} failed: ${message}`,
    );
    log.warn({ checkpoint: keyOf(checkpoint), reason: message }, 'checkpoint failed');
    if (entry !== undefined) await this.#cleanUp(current, entry, signal);
    else if (current !== undefined) await writer.removeFinalizer(current, signal);
  }

  async #cleanUp(checkpoint: PodCheckpoint | undefined, entry: JournalEntry, signal: AbortSignal): Promise<void> {
    const { runtime, storage, writer } = this.#parts;
    const present = (await runtime.list(signal)).find((pod) => pod.uid === entry.podUid);
    // Frozen without a checkpoint it could be restored from: only removed can it be started anew.
    if (isFrozen(present)) await runtime.removePod(entry.podUid, 0, signal);
    await storage.files.remove(this.#path(entry));
    if (checkpoint !== undefined) await writer.removeFinalizer(checkpoint, signal);
    this.#settle(entry);
  }

  /**
   * The PodCheckpoint was removed by force under the agent's hands. A pod that was stopped for it is held as long as it is
   * there: its state is not thrown away because an object is.
   */
  async #abandon(entry: JournalEntry, signal: AbortSignal): Promise<void> {
    const { runtime, storage, log } = this.#parts;
    const ballot = this.#ballot(undefined, entry, { stop: signal, cancel: new AbortController().signal });
    const found =
      entry.step === 'dumping'
        ? await runtime.recoverDump(entry.podUid, {
            ...this.#orderOf(entry, signal),
            ...(ballot !== undefined && { decide: (held) => ballot.decide(held) }),
          })
        : 'dumped';
    const present = (await runtime.list(signal)).find((pod) => pod.uid === entry.podUid);
    if (found === 'dumped' && isFrozen(present)) {
      log.error(
        { checkpoint: `${entry.namespace}/${entry.name}`, podUid: entry.podUid, directory: this.#path(entry) },
        'the PodCheckpoint of a stopped pod was removed by force: its state is kept until the pod is deleted',
      );
      this.#parts.unsettled.delete(entry.podUid, entry.checkpointUid);
      return;
    }
    await storage.files.remove(this.#path(entry));
    this.#settle(entry);
  }

  #settle(entry: JournalEntry): void {
    this.#parts.journal.delete(entry.checkpointUid);
    this.#parts.unsettled.delete(entry.podUid, entry.checkpointUid);
  }

  #advance(entry: JournalEntry, step: Partial<JournalEntry>): JournalEntry {
    const next = { ...entry, ...step };
    this.#parts.journal.put(next);
    return next;
  }

  /** `emptyDir`s count too: they are saved when the processes are gone already, and nothing can be undone any more. */
  async #lackOfSpace(pod: Pod, present: PodObservation | undefined): Promise<string | undefined> {
    const { storage } = this.#parts;
    const { directory, podsDirectory } = this.#options;
    await storage.ensure(directory);
    const free = await storage.freeBytes(directory);
    if (free === undefined) return undefined;
    let needed = DISK_MARGIN_BYTES;
    for (const { memoryBytes } of present?.containers ?? []) needed += memoryBytes ?? 0;
    if (podsDirectory !== undefined) {
      for (const volume of emptyDirsOf(pod)) {
        needed += await storage.volumeBytes(volumeFolder(podsDirectory, pod.metadata.uid, volume));
      }
    }
    if (free >= needed) return undefined;
    return `not enough disk: the dump needs about ${needed} bytes, ${directory} has ${free}; free some, or delete checkpoints no workload needs`;
  }

  #orderOf(entry: JournalEntry, signal: AbortSignal) {
    const { leaveRunning, timeoutMilliseconds } = entry;
    return { directory: this.#path(entry), leaveRunning, timeoutMilliseconds, signal };
  }

  #path(entry: JournalEntry): string {
    return join(this.#options.directory, entry.folder);
  }

  #tell(
    checkpoint: PodCheckpoint,
    pod: Pod | undefined,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    const { events } = this.#parts;
    events.record(checkpoint, type, reason, message);
    events.record(pod ?? sourceOf(checkpoint), type, reason, message);
  }
}

/** `<namespace>_<name>_<uid>`, the name cut so that the whole fits a file name. */
export function folderOf(checkpoint: PodCheckpoint): string {
  const { namespace = '', name, uid } = checkpoint.metadata;
  return `${namespace}_${name.slice(0, 120)}_${uid}`;
}

function emptyDirsOf(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).filter((volume) => volume.emptyDir !== undefined).map(({ name }) => name);
}

function volumeFolder(podsDirectory: string, podUid: string, volume: string): string {
  return join(podsDirectory, podUid, 'volumes', volume);
}

function refusalFor(pod: Pod, present: PodObservation | undefined): string | undefined {
  if (pod.metadata.deletionTimestamp !== undefined) return 'the pod is being deleted';
  const phase = pod.status?.phase;
  if (phase === 'Succeeded' || phase === 'Failed') return `the pod has ended (${phase})`;
  if (isFrozen(present)) return 'the pod is stopped by an earlier checkpoint already';
  if (!present?.containers.some((container) => container.state === 'running')) return 'no container of the pod runs';
  return undefined;
}

function isFrozen(present: PodObservation | undefined): boolean {
  return present?.containers.some((container) => container.state === 'frozen') ?? false;
}

function namesOf(entry: JournalEntry): string[] {
  return (entry.containers ?? []).map(({ name }) => name);
}

function containersOf(entry: JournalEntry): { name: string; image?: string }[] {
  const { containers } = entry.template.spec as { containers: { name: string; image?: string }[] };
  return containers;
}

/** The pod as far as an event about it needs it. */
function sourceOf(checkpoint: PodCheckpoint): Pod {
  const { namespace, creationTimestamp } = checkpoint.metadata;
  const { name } = checkpoint.spec.sourcePod;
  const uid = checkpoint.status?.sourcePodUID ?? checkpoint.spec.sourcePod.uid ?? '';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, uid, resourceVersion: '', creationTimestamp, ...(namespace === undefined ? {} : { namespace }) },
    spec: { containers: [] },
  };
}
