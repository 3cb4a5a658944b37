import type { Clock, Random } from '../clock/index.ts';
import { EventRecorder, isApiError, type ObjectStore, ReconcileLoop, Reflector } from '../kubernetes/index.ts';
import {
  isConditionTrue,
  keyOf,
  type Log,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  type PodGroupCheckpoint,
  reasonOf,
} from '../model/index.ts';
import type { CheckpointRuntime } from '../runtime/index.ts';
import type { Archives } from './archives.ts';
import { folderOf } from './checkpoint-folder.ts';
import { failed, hasFailed, isReady, type RestoreImage, restored } from './checkpoint-status.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { CheckpointableMarks } from './checkpointable-marks.ts';
import { type AgentCounters, newCounters } from './counters.ts';
import {
  CHANGES_RETRY_MILLISECONDS,
  DEFAULT_CONCURRENCY,
  RECONCILE_CONCURRENCY,
  RESYNC_MILLISECONDS,
  UNCLAIMED_MILLISECONDS,
} from './defaults.ts';
import { diskStorage } from './disk-storage.ts';
import { Dumper } from './dumper.ts';
import { GroupVotes, groupOf } from './group-votes.ts';
import type { Journal } from './journal.ts';
import { awaitsRelease, Keeper, type Requeue } from './keeper.ts';
import { LocalCopies, type LocalCopiesOptions } from './local-copies.ts';
import { type OpenedCheckpoint, Opener } from './opener.ts';
import { RestoreBallot } from './restore-ballot.ts';
import { Slots } from './slots.ts';
import { sourceOf } from './source-pod.ts';
import type { CheckpointStorage } from './storage.ts';
import type { StorageDemand } from './storage-demand.ts';
import { Storer } from './storer.ts';
import { UnsettledPods } from './unsettled-pods.ts';

export interface AgentParts {
  store: ObjectStore;
  runtime: CheckpointRuntime;
  clock: Clock;
  random: Random;
  log: Log;
  journal: Journal;
  /** Default: this machine's disk. */
  storage?: CheckpointStorage;
  /** Default: none; checkpoints stay on the node. */
  archives?: Archives | undefined;
  /** What owners demand of the store; default: nothing. */
  demand?: StorageDemand | undefined;
}

export interface AgentOptions {
  nodeName: string;
  /** Absolute; checkpoints lie right below, one folder each. */
  directory: string;
  /** Where the node keeps an `emptyDir` of a pod; absent: they are not captured. */
  volumeFolder?: (podUid: string, volume: string) => string;
  /** Where a kubelet runs the pods: the image from which it restores a container of a PodCheckpoint. */
  restoreImage?: RestoreImage;
  /** Directory of the checkpoints of another local node, from which this one may copy. Default: there is none. */
  peers?: (nodeName: string) => string | undefined;
  /** Dumps at once. Default 2. */
  concurrency?: number;
  /** Whether data leaves the node once a store has it. Default: it stays. */
  localCopies?: Pick<LocalCopiesOptions, 'wipe' | 'waterMarks'>;
  /** How often everything is looked at although nothing was reported. Default 30 s. */
  resyncMilliseconds?: number;
}

/**
 * The node side of Fermata: carries out the PodCheckpoints whose pod runs on its node, confirms when a stopped pod's
 * resources are free, gives out the data for restores, and removes it when nothing needs it any more. It decides nothing
 * about who is interrupted. It may be killed at any moment and started again.
 */
export class Agent {
  readonly counters: Readonly<AgentCounters>;
  readonly #parts: AgentParts;
  readonly #nodeName: string;
  readonly #resyncMilliseconds: number;
  readonly #events: EventRecorder;
  readonly #counters = newCounters();
  readonly #unsettled = new UnsettledPods();
  /** By key: its try to take up its pod broke off, and what it wrote may stand. Until the next try nobody else has the pod. */
  readonly #tried = new Map<string, { podUid: string; checkpointUid: string }>();
  readonly #writer: CheckpointWriter;
  readonly #dumper: Dumper;
  readonly #opener: Opener;
  readonly #keeper: Keeper;
  readonly #storer: Storer | undefined;
  readonly #localCopies: LocalCopies | undefined;
  readonly #checkpoints: Reflector<PodCheckpoint>;
  readonly #groups: Reflector<PodGroupCheckpoint>;
  readonly #votes: GroupVotes;
  readonly #ballot: RestoreBallot;
  readonly #pods: Reflector<Pod>;
  readonly #marks: CheckpointableMarks;
  readonly #loop: ReconcileLoop;
  readonly #stopping = new AbortController();
  #background: Promise<unknown> = Promise.resolve();

  constructor(parts: AgentParts, options: AgentOptions) {
    const { nodeName, directory } = options;
    this.#parts = parts;
    this.#nodeName = nodeName;
    this.#resyncMilliseconds = options.resyncMilliseconds ?? RESYNC_MILLISECONDS;
    this.counters = this.#counters;
    this.#events = new EventRecorder(parts, { component: 'fermata-agent', host: nodeName });
    this.#writer = new CheckpointWriter(parts.store);
    const shared = { ...parts, storage: parts.storage ?? diskStorage, events: this.#events, counters: this.#counters };
    this.#groups = new Reflector<PodGroupCheckpoint>(parts, POD_GROUP_CHECKPOINTS, {
      optional: true,
      onChange: (group) => {
        votes.changed(group);
        const { decision } = group.status ?? {};
        const why = `the group ${group.metadata.name} was aborted: ${decision?.message ?? 'no reason given'}`;
        if (decision?.verdict === 'Aborted') this.#dumper.cancel(group.metadata.uid, why);
      },
      onDelete: (group) => votes.changed(group),
    });
    const votes = new GroupVotes(parts, this.#groups);
    this.#votes = votes;
    this.#dumper = new Dumper(
      {
        ...shared,
        writer: this.#writer,
        unsettled: this.#unsettled,
        slots: new Slots(options.concurrency ?? DEFAULT_CONCURRENCY),
        votes,
      },
      { nodeName, directory, volumeFolder: options.volumeFolder, restoreImage: options.restoreImage },
    );
    if (parts.archives !== undefined) {
      const checkpoints = (): readonly PodCheckpoint[] => this.#checkpoints.items();
      const { archives } = parts;
      this.#storer = new Storer({ ...shared, archives, writer: this.#writer, checkpoints }, { nodeName, directory });
      this.#localCopies = new LocalCopies(
        { ...shared, archives, writer: this.#writer, checkpoints, pods: () => this.#pods.items() },
        { nodeName, directory, ...options.localCopies },
      );
    }
    this.#keeper = new Keeper({ ...shared, writer: this.#writer, storer: this.#storer }, { nodeName, directory });
    this.#ballot = new RestoreBallot({ ...parts, writer: this.#writer, votes });
    this.#opener = new Opener(
      { ...shared, ballot: this.#ballot },
      { nodeName, directory, peers: options.peers ?? (() => undefined) },
    );
    this.#loop = new ReconcileLoop(parts, {
      name: `checkpoints of ${nodeName}`,
      concurrency: RECONCILE_CONCURRENCY,
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.#checkpoints = new Reflector<PodCheckpoint>(parts, POD_CHECKPOINTS, {
      onChange: (checkpoint) => this.#onCheckpoint(checkpoint),
      onDelete: (checkpoint) => {
        this.#dumper.cancel(checkpoint.metadata.uid, 'its PodCheckpoint was removed');
        // What was made here goes by the finalizer, before the object; a copy has none.
        if ((checkpoint.status?.nodeName ?? nodeName) !== nodeName) this.#keeper.drop(folderOf(checkpoint));
        this.#loop.enqueue(keyOf(checkpoint));
      },
    });
    this.#pods = new Reflector<Pod>(parts, PODS, {
      fieldSelector: `spec.nodeName=${nodeName}`,
      onChange: (pod, previous) => this.#onPod(pod, previous),
      onDelete: (pod) => {
        this.#dumper.cancel(pod.metadata.uid, 'its pod is gone');
        this.#enqueueCheckpointsOf(pod);
      },
    });
    this.#marks = new CheckpointableMarks({ ...shared, pods: () => this.#pods.items() });
    // From the first moment on nobody may take a half-dumped pod for a crashed one.
    for (const entry of parts.journal.entries()) this.#unsettled.add(entry.podUid, entry.checkpointUid);
  }

  start(): void {
    (this.#parts.storage ?? diskStorage).files.prepareDigests?.();
    this.#checkpoints.start();
    this.#groups.start();
    this.#pods.start();
    this.#background = this.#run(this.#stopping.signal).catch((error: unknown) => {
      if (this.#stopping.signal.aborted) return;
      this.#parts.log.error({ node: this.#nodeName, reason: reasonOf(error) }, 'the agent ended');
    });
  }

  /** A dump under way is undone; the next start takes it up again. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`the agent of node ${this.#nodeName} stops`));
    await Promise.all([this.#checkpoints.stop(), this.#groups.stop(), this.#pods.stop(), this.#loop.stop()]);
    await this.#background;
    await this.#keeper.stop();
    await this.#storer?.stop();
    await this.#events.flush();
  }

  /** Whether a dump of the pod is under way, or was when the agent died and has not been recovered yet. */
  dumping(podUid: string): boolean {
    return this.#unsettled.has(podUid);
  }

  /** Resolves as soon as {@link dumping} is false. */
  settled(podUid: string, signal: AbortSignal): Promise<void> {
    return this.#unsettled.settled(podUid, signal);
  }

  /** Brings a checkpoint's data here and verifies it; see {@link Opener.open}. */
  open(pod: Pod, checkpointName: string, signal: AbortSignal): Promise<OpenedCheckpoint> {
    this.#localCopies?.restoring(pod, checkpointName);
    return this.#opener.open(pod, checkpointName, signal);
  }

  /** Records that the pod goes on from the checkpoint. Idempotent; a checkpoint that is gone is fine. */
  async restored(pod: Pod, checkpointName: string, milliseconds: number | undefined): Promise<void> {
    const { store, clock } = this.#parts;
    const { namespace, name, uid } = pod.metadata;
    const signal = this.#stopping.signal;
    let checkpoint: PodCheckpoint;
    try {
      checkpoint = await store.get(POD_CHECKPOINTS, { namespace, name: checkpointName }, { signal });
    } catch (error) {
      if (isApiError(error, 'NotFound')) return;
      throw error;
    }
    this.#localCopies?.restored(pod);
    const known = isConditionTrue(checkpoint.status?.conditions, 'Restored');
    const facts = { podName: name, podUid: uid, nodeName: this.#nodeName, milliseconds };
    const written = await this.#writer.status(checkpoint, (current) => restored(current, facts, clock.now()), signal);
    if (known || written === undefined) return;
    this.#counters.restores++;
    this.#counters.restoreMilliseconds += milliseconds ?? 0;
    const how = milliseconds === undefined ? '' : ` in ${Math.round(milliseconds)} ms`;
    this.#events.record(written, 'Normal', 'Restored', `Pod ${name} goes on from it on node ${this.#nodeName}${how}`);
  }

  /** A pod is given up here before it ran again; see {@link RestoreBallot.failed}. */
  restoreFailed(pod: Pod, checkpointName: string, reason: string, signal: AbortSignal): Promise<void> {
    this.#localCopies?.restored(pod);
    return this.#ballot.failed(pod, checkpointName, reason, signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#checkpoints.synced(signal), this.#groups.synced(signal), this.#pods.synced(signal)]);
    for (const { namespace, name } of this.#parts.journal.entries()) this.#loop.enqueue(`${namespace}/${name}`);
    this.#loop.start();
    await Promise.all([
      this.#keeper.sweep(this.#checkpoints.items(), signal),
      this.#listen(signal),
      this.#resync(signal),
      this.#marks.run(signal),
      this.#localCopies?.run(signal),
    ]);
  }

  async #listen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const uid of this.#parts.runtime.changes(signal)) this.#enqueueStopped(uid);
        if (signal.aborted) return;
      } catch (error) {
        if (signal.aborted) return;
        this.#parts.log.warn({ node: this.#nodeName, reason: reasonOf(error) }, "the runtime's reports broke off");
      }
      await this.#parts.clock.sleep(CHANGES_RETRY_MILLISECONDS, signal);
    }
  }

  async #resync(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#parts.clock.sleep(this.#resyncMilliseconds, signal);
      for (const checkpoint of this.#checkpoints.items()) this.#onCheckpoint(checkpoint);
      for (const { namespace, name } of this.#parts.journal.entries()) this.#loop.enqueue(`${namespace}/${name}`);
    }
  }

  #onCheckpoint(checkpoint: PodCheckpoint): void {
    const { uid, deletionTimestamp } = checkpoint.metadata;
    if (deletionTimestamp !== undefined) this.#dumper.cancel(uid, 'its PodCheckpoint is being deleted');
    const { nodeName } = checkpoint.status ?? {};
    if (nodeName === undefined || nodeName === this.#nodeName) this.#loop.enqueue(keyOf(checkpoint));
    this.#storer?.consider(checkpoint);
  }

  #onPod(pod: Pod, previous: Pod | undefined): void {
    const { uid, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined) this.#dumper.cancel(uid, 'its pod is being deleted');
    if (previous === undefined) this.#enqueueCheckpointsOf(pod);
    else if (previous.metadata.uid !== uid) this.#enqueueCheckpointsOf(previous);
  }

  #enqueueCheckpointsOf(pod: Pod): void {
    for (const checkpoint of this.#checkpoints.items()) {
      if (checkpoint.metadata.namespace !== pod.metadata.namespace) continue;
      if (checkpoint.spec.sourcePod.name === pod.metadata.name) this.#onCheckpoint(checkpoint);
    }
  }

  #enqueueStopped(podUid: string): void {
    for (const checkpoint of this.#checkpoints.items()) {
      if (checkpoint.status?.sourcePodUID === podUid && awaitsRelease(checkpoint)) this.#onCheckpoint(checkpoint);
    }
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Requeue> {
    const before = this.#tried.get(key);
    this.#tried.delete(key);
    try {
      return await this.#advance(key, signal);
    } catch (error) {
      // This was no second try yet.
      if (before !== undefined && !this.#tried.has(key)) this.#tried.set(key, before);
      throw error;
    } finally {
      if (before !== undefined && this.#tried.get(key)?.checkpointUid !== before.checkpointUid) this.#letGo(before);
    }
  }

  /** The pod is free for other checkpoints, unless this one's dump has begun. */
  #letGo({ podUid, checkpointUid }: { podUid: string; checkpointUid: string }): void {
    const begun = this.#parts.journal.entries().some((entry) => entry.checkpointUid === checkpointUid);
    if (!begun) this.#unsettled.delete(podUid, checkpointUid);
  }

  async #advance(key: string, signal: AbortSignal): Promise<Requeue> {
    const seen = this.#checkpoints.get(key);
    const entries = this.#parts.journal.entries().filter((entry) => `${entry.namespace}/${entry.name}` === key);
    for (const entry of entries) {
      const mine = seen?.metadata.uid === entry.checkpointUid ? seen : undefined;
      const checkpoint = mine === undefined ? undefined : await this.#writer.current(mine, signal);
      const pod = await sourceOf(
        this.#parts.store,
        entry.namespace,
        checkpoint?.spec.sourcePod.name,
        entry.podUid,
        signal,
      );
      await this.#dumper.resume(checkpoint, entry, pod, signal);
      this.#keeper.flush(entry.folder);
    }
    if (seen === undefined || entries.length > 0) return undefined;
    const { nodeName } = seen.status ?? {};
    if (nodeName !== undefined && nodeName !== this.#nodeName) return undefined;
    if (awaitsRelease(seen)) {
      const again = await this.#keeper.release(seen, signal);
      if (again !== undefined) return again;
    }
    if (seen.metadata.deletionTimestamp !== undefined) return this.#keeper.remove(seen, signal);
    if (hasFailed(seen) || isReady(seen)) return undefined;
    return this.#takeUp(seen, signal);
  }

  /** A checkpoint that nobody has carried out yet: this node's business if its pod is here. */
  async #takeUp(seen: PodCheckpoint, signal: AbortSignal): Promise<Requeue> {
    const pod = this.#pods.get(keyOf({ metadata: { ...seen.metadata, name: seen.spec.sourcePod.name } }));
    const mine = pod !== undefined || seen.status?.nodeName === this.#nodeName;
    const age = this.#parts.clock.now() - Date.parse(seen.metadata.creationTimestamp);
    if (!mine && age < UNCLAIMED_MILLISECONDS) {
      // Spread, so that of many agents usually one finds that the pod is gone, and the others see it said.
      return { requeueAfterMilliseconds: UNCLAIMED_MILLISECONDS * (1 + this.#parts.random()) };
    }
    // The watch may lag behind: what was carried out already must not be carried out again.
    const { namespace } = seen.metadata;
    const [checkpoint, source] = await Promise.all([
      this.#writer.current(seen, signal),
      sourceOf(this.#parts.store, namespace, seen.spec.sourcePod.name, undefined, signal, true),
    ]);
    if (checkpoint === undefined || isReady(checkpoint) || hasFailed(checkpoint)) return undefined;
    const { nodeName, sourcePodUID } = checkpoint.status ?? {};
    if (nodeName !== undefined && nodeName !== this.#nodeName) return undefined;
    const wanted = checkpoint.spec.sourcePod.uid ?? sourcePodUID;
    if (source === undefined || (wanted !== undefined && source.metadata.uid !== wanted)) {
      return this.#replaced(checkpoint, source, signal);
    }
    if (source.spec.nodeName !== this.#nodeName) return undefined;
    const podUid = source.metadata.uid;
    if (this.#unsettled.hasOther(podUid, checkpoint.metadata.uid)) {
      await this.#unsettled.settled(podUid, signal);
      return { requeueAfterMilliseconds: 0 };
    }
    const checkpointUid = checkpoint.metadata.uid;
    this.#unsettled.add(podUid, checkpointUid);
    try {
      await this.#dumper.begin(checkpoint, source, signal);
    } catch (error) {
      this.#tried.set(keyOf(seen), { podUid, checkpointUid });
      throw error;
    }
    this.#letGo({ podUid, checkpointUid });
    this.#keeper.flush(folderOf(checkpoint));
    return undefined;
  }

  async #replaced(checkpoint: PodCheckpoint, source: Pod | undefined, signal: AbortSignal): Promise<undefined> {
    const { name } = checkpoint.spec.sourcePod;
    const message =
      source === undefined
        ? `pod ${name} is gone`
        : `pod ${name} is another one now (${source.metadata.uid}) than the one to checkpoint`;
    const group = groupOf(checkpoint);
    if (group !== undefined) await this.#votes.abort(group, message, signal);
    const failure = { reason: 'SourcePodReplaced', message } as const;
    const now = this.#parts.clock.now();
    const written = await this.#writer.status(
      checkpoint,
      (current) => (isReady(current) || hasFailed(current) ? (current.status ?? {}) : failed(current, failure, now)),
      signal,
    );
    if (written === undefined || !hasFailed(written)) return undefined;
    this.#events.record(written, 'Warning', 'SourcePodReplaced', message);
    await this.#writer.removeFinalizer(written, signal);
    return undefined;
  }
}
