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
import { Carrier } from './carrier.ts';
import { folderOf } from './checkpoint-folder.ts';
import { type RestoreImage, restored } from './checkpoint-status.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { CheckpointableMarks } from './checkpointable-marks.ts';
import { type AgentCounters, newCounters } from './counters.ts';
import {
  CHANGES_RETRY_MILLISECONDS,
  DEFAULT_CONCURRENCY,
  RECONCILE_CONCURRENCY,
  RESYNC_MILLISECONDS,
} from './defaults.ts';
import { diskStorage } from './disk-storage.ts';
import { Dumper } from './dumper.ts';
import { GroupVotes } from './group-votes.ts';
import type { Journal } from './journal.ts';
import { awaitsRelease, Keeper } from './keeper.ts';
import { LocalCopies, type LocalCopiesOptions } from './local-copies.ts';
import { type OpenedCheckpoint, Opener } from './opener.ts';
import { RestoreBallot } from './restore-ballot.ts';
import { newestCopy } from './restoring/restart-point.ts';
import { Slots } from './slots.ts';
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
  /** Whether the kubelet's own PodCheckpoint (KEP-5823) may hold what it can hold. Default false. */
  upstream?: boolean;
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
  readonly #writer: CheckpointWriter;
  readonly #dumper: Dumper;
  readonly #opener: Opener;
  readonly #keeper: Keeper;
  readonly #storer: Storer | undefined;
  readonly #localCopies: LocalCopies | undefined;
  readonly #checkpoints: Reflector<PodCheckpoint>;
  readonly #groups: Reflector<PodGroupCheckpoint>;
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
    this.#dumper = new Dumper(
      {
        ...shared,
        writer: this.#writer,
        unsettled: this.#unsettled,
        slots: new Slots(options.concurrency ?? DEFAULT_CONCURRENCY),
        votes,
      },
      { ...options, nodeName, directory },
    );
    if (parts.archives !== undefined) {
      const checkpoints = (): readonly PodCheckpoint[] => this.#checkpoints.items();
      const { archives } = parts;
      this.#storer = new Storer({ ...shared, archives, writer: this.#writer, checkpoints }, { nodeName, directory });
      const { wipe, waterMarks } = options.localCopies ?? {};
      if (wipe === true || waterMarks !== undefined) {
        this.#localCopies = new LocalCopies(
          { ...shared, archives, writer: this.#writer, checkpoints, pods: () => this.#pods.items() },
          { nodeName, directory, wipe, waterMarks },
        );
      }
    }
    this.#keeper = new Keeper({ ...shared, writer: this.#writer, storer: this.#storer }, { nodeName, directory });
    this.#ballot = new RestoreBallot({ ...parts, writer: this.#writer, votes });
    this.#opener = new Opener(
      { ...shared, ballot: this.#ballot },
      { nodeName, directory, peers: options.peers ?? (() => undefined) },
    );
    const carrier = new Carrier(
      {
        ...shared,
        writer: this.#writer,
        unsettled: this.#unsettled,
        dumper: this.#dumper,
        keeper: this.#keeper,
        votes,
        checkpoint: (key) => this.#checkpoints.get(key),
        pod: (key) => this.#pods.get(key),
      },
      nodeName,
    );
    this.#loop = new ReconcileLoop(parts, {
      name: `checkpoints of ${nodeName}`,
      concurrency: RECONCILE_CONCURRENCY,
      reconcile: (key, signal) => carrier.advance(key, signal),
    });
    this.#checkpoints = new Reflector<PodCheckpoint>(parts, POD_CHECKPOINTS, {
      onChange: (checkpoint) => {
        this.#onCheckpoint(checkpoint);
        // Its node may be gone for good.
        if (checkpoint.metadata.deletionTimestamp !== undefined) this.#loop.enqueue(keyOf(checkpoint));
      },
      onDelete: (checkpoint) => {
        this.#dumper.cancel(checkpoint.metadata.uid, 'its PodCheckpoint was removed');
        // What was made here goes by the finalizer, before the object; a copy, also of what no node made, has none.
        const { nodeName: origin, conditions } = checkpoint.status ?? {};
        const isOfNoNode = origin === undefined && isConditionTrue(conditions, 'Ready');
        if ((origin ?? nodeName) !== nodeName || isOfNoNode) this.#keeper.drop(folderOf(checkpoint));
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
    this.#marks = new CheckpointableMarks({
      ...shared,
      pods: () => this.#pods.items(),
      isDumping: () => !this.#unsettled.isEmpty,
    });
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

  /** What the pod has to wait for once it is back; see {@link RestoreBallot.holdOf}. */
  holdOf(pod: Pod, checkpoint: PodCheckpoint): ((signal: AbortSignal) => Promise<void>) | undefined {
    return this.#ballot.holdOf(pod, checkpoint);
  }

  /** Name of the policy by which containers of the pod that crash start from their image; undefined: they go back to a checkpoint. */
  async restartsFromImage(pod: Pod, signal: AbortSignal): Promise<string | undefined> {
    const policy = await this.#parts.demand?.policyOf(pod, signal);
    return policy?.spec.restartFrom === 'Image' ? policy.metadata.name : undefined;
  }

  /** The newest checkpoint with all containers of the pod that was taken of it while it ran; not one of a group, which goes back whole. */
  async newestOf(pod: Pod, signal: AbortSignal): Promise<string | undefined> {
    const { namespace, uid } = pod.metadata;
    const scope = namespace === undefined ? {} : { namespace };
    const { items } = await this.#parts.store.list(POD_CHECKPOINTS, { ...scope, signal });
    const names = pod.spec.containers.map(({ name }) => name);
    const whole = items.filter(
      ({ spec, status }) =>
        spec.group === undefined &&
        names.every((name) => status?.checkpointedContainers?.some((dumped) => dumped.name === name)),
    );
    return newestCopy(uid, names[0] ?? '', whole)?.metadata.name;
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
    if (written !== undefined) await this.#keeper.spent(written, signal);
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
}
