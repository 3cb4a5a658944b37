import type { Clock, Random } from '../../clock/index.ts';
import { type EventRecorder, type ObjectStore, ReconcileLoop, Reflector } from '../../kubernetes/index.ts';
import { FermataError, isSame, keyOf, type Log, PODS, type Pod, type Resources, reasonOf } from '../../model/index.ts';
import type { PodObservation, Runtime } from '../../runtime/index.ts';
import { admit } from './admission.ts';
import type { CheckpointSource } from './checkpoint-source.ts';
import { type PodPlan, planPod } from './pod-plan.ts';
import { PodRecord } from './pod-record.ts';
import { graceOf, PodRemover } from './pod-remover.ts';
import { PodStarter } from './pod-starter.ts';
import { appViews, hasCrashed, initViews, isToRestart, restartAt, restoreFrom } from './pod-state.ts';
import { podStatus } from './pod-status.ts';
import { PrepareAhead } from './prepare-ahead.ts';
import { PodStatusWriter } from './status-writer.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';

export interface PodLoopParts {
  store: ObjectStore;
  runtime: Runtime;
  clock: Clock;
  random: Random;
  log: Log;
  events: EventRecorder;
  checkpoints: CheckpointSource;
  volumes: PodVolumes;
}

export interface PodLoopOptions {
  nodeName: string;
  allocatable: Resources;
  hostIP: string;
  /** Make the containers of nominated pods before they are bound. */
  prepareAhead: boolean;
  resyncMilliseconds: number;
}

/** Pods worked on at once: an operation on one pod may take minutes (a pull, a grace period) and must not hold up others. */
const CONCURRENCY = 128;
/** More steps than any pod needs between two waits; a loop that is longer is a fault and goes through the backoff. */
const MAX_STEPS = 32;
/** How soon to look again at a pod that waits for room; it is also looked at whenever room becomes free. */
const ROOM_RETRY_MILLISECONDS = 1_000;
/** How soon to look again whether a watch that lags behind the server has caught up; its news usually come before. */
const STALE_CACHE_RETRY_MILLISECONDS = 1_000;
/** How soon to listen again to a runtime whose reports broke off. */
const CHANGES_RETRY_MILLISECONDS = 1_000;

/**
 * Brings what runs on one node in line with the pods bound to it, as the kubelet does: pod by pod, each step decided from
 * the pod's object and what the runtime truly shows, so that it can be cut off anywhere and started again. Differences to
 * the kubelet: no probes (a container is ready while it runs); a container that is restarted keeps its writable layer;
 * ConfigMaps and Secrets are read once, when the pod starts.
 */
export class PodLoop {
  readonly #parts: PodLoopParts;
  readonly #options: PodLoopOptions;
  readonly #reflector: Reflector<Pod>;
  readonly #prepareAhead: PrepareAhead | undefined;
  readonly #starter: PodStarter;
  readonly #remover: PodRemover;
  readonly #statuses: PodStatusWriter;
  readonly #loop: ReconcileLoop;
  /** Pods bound to this node, by UID. */
  readonly #pods = new Map<string, Pod>();
  readonly #records = new Map<string, PodRecord>();
  readonly #waitingForRoom = new Set<string>();
  readonly #stopping = new AbortController();
  #background: Promise<unknown> = Promise.resolve();

  constructor(parts: PodLoopParts, options: PodLoopOptions) {
    this.#parts = parts;
    this.#options = options;
    const node = { name: options.nodeName, hostIP: options.hostIP, allocatable: options.allocatable };
    this.#starter = new PodStarter({ ...parts, node });
    this.#remover = new PodRemover(parts, options.nodeName);
    this.#statuses = new PodStatusWriter(parts, (uid) => this.#pods.get(uid));
    this.#loop = new ReconcileLoop(parts, {
      name: `pods of ${options.nodeName}`,
      concurrency: CONCURRENCY,
      reconcile: (uid, signal) => this.#reconcile(uid, signal),
    });
    this.#reflector = new Reflector<Pod>(parts, PODS, {
      fieldSelector: `spec.nodeName=${options.nodeName}`,
      onChange: (pod, previous) => this.#onChange(pod, previous),
      onDelete: (pod) => this.#onDelete(pod),
    });
    if (options.prepareAhead) {
      this.#prepareAhead = new PrepareAhead(parts, options.nodeName, (uid) => {
        if (this.#prepareAhead?.get(uid) === undefined && !this.#pods.has(uid)) {
          this.#records.get(uid)?.interrupt('the pod is not nominated to this node any more');
        }
        this.#loop.enqueue(uid);
      });
    }
  }

  start(): void {
    this.#reflector.start();
    this.#prepareAhead?.start();
    this.#background = this.#run(this.#stopping.signal).catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) this.#parts.log.error({ reason: reasonOf(error) }, 'the pod loop ended');
    });
  }

  /** Resolves once the node knows its pods and has taken over what runs. */
  async synced(signal: AbortSignal): Promise<void> {
    await this.#reflector.synced(signal);
  }

  /** Pods go on running: whoever starts the node again takes them over. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`node ${this.#options.nodeName} stops`));
    await Promise.all([this.#reflector.stop(), this.#prepareAhead?.stop(), this.#loop.stop(), this.#statuses.stop()]);
    await this.#background;
  }

  /** UID of the pod of that name bound to this node. */
  uidOf(namespace: string, name: string): string | undefined {
    return this.#reflector.get(`${namespace}/${name}`)?.metadata.uid;
  }

  async #run(signal: AbortSignal): Promise<void> {
    await this.#reflector.synced(signal);
    await this.#prepareAhead?.synced(signal);
    await this.#takeOver(signal);
    this.#statuses.start();
    this.#loop.start();
    await Promise.all([this.#listen(signal), this.#resync(signal)]);
  }

  /** What runs holds its room from the first moment on, before anything new is admitted. */
  async #takeOver(signal: AbortSignal): Promise<void> {
    const { runtime, volumes, clock, log } = this.#parts;
    for (;;) {
      try {
        const present = await runtime.list(signal);
        for (const observed of present) {
          const record = this.#records.get(observed.uid);
          if (record !== undefined && this.#pods.has(observed.uid)) record.observe(record.pod, observed);
          else this.#loop.enqueue(observed.uid);
        }
        for (const uid of await volumes.list()) this.#loop.enqueue(uid);
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        log.warn({ node: this.#options.nodeName, reason: reasonOf(error) }, 'the runtime cannot be read yet');
        await clock.sleep(CHANGES_RETRY_MILLISECONDS, signal);
      }
    }
  }

  async #listen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const uid of this.#parts.runtime.changes(signal)) this.#loop.enqueue(uid);
        if (signal.aborted) return;
      } catch (error) {
        if (signal.aborted) return;
        this.#parts.log.warn(
          { node: this.#options.nodeName, reason: reasonOf(error) },
          "the runtime's reports broke off",
        );
      }
      await this.#parts.clock.sleep(CHANGES_RETRY_MILLISECONDS, signal);
      this.#enqueueAll();
    }
  }

  async #resync(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#parts.clock.sleep(this.#options.resyncMilliseconds, signal);
      this.#enqueueAll();
      try {
        for (const { uid } of await this.#parts.runtime.list(signal)) this.#loop.enqueue(uid);
      } catch (error) {
        if (signal.aborted) return;
        this.#parts.log.warn({ node: this.#options.nodeName, reason: reasonOf(error) }, 'the runtime cannot be read');
      }
    }
  }

  #enqueueAll(): void {
    for (const uid of new Set([...this.#pods.keys(), ...this.#records.keys()])) this.#loop.enqueue(uid);
  }

  #onChange(pod: Pod, previous: Pod | undefined): void {
    const { uid } = pod.metadata;
    if (previous !== undefined && previous.metadata.uid !== uid) this.#onDelete(previous);
    this.#pods.set(uid, pod);
    const record = this.#records.get(uid);
    if (record !== undefined) {
      record.pod = pod;
      if (previous === undefined) record.startTime = this.#parts.clock.now();
    } else this.#records.set(uid, new PodRecord(pod, this.#parts.clock.now()));
    if (pod.metadata.deletionTimestamp !== undefined) {
      const grace = graceOf(pod);
      const running = record?.removalGraceSeconds;
      if (running === undefined || grace < running) record?.interrupt('the pod is to be removed');
    }
    if (previous === undefined || isRelevant(pod, previous)) this.#loop.enqueue(uid);
  }

  #onDelete(pod: Pod): void {
    const { uid } = pod.metadata;
    this.#pods.delete(uid);
    this.#statuses.forget(uid);
    const record = this.#records.get(uid);
    if (record !== undefined) {
      record.vanished = true;
      record.over = true;
      if (record.removalGraceSeconds === undefined) record.interrupt('the pod is gone from the API');
    }
    this.#loop.enqueue(uid);
  }

  async #reconcile(uid: string, signal: AbortSignal): Promise<{ requeueAfterMilliseconds?: number } | undefined> {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return this.#reconcileUnbound(uid, signal);
    let record = this.#records.get(uid);
    if (record === undefined) {
      record = new PodRecord(pod, this.#parts.clock.now());
      this.#records.set(uid, record);
    }
    try {
      return pod.metadata.deletionTimestamp === undefined
        ? await this.#sync(record, signal)
        : await this.#terminate(record, pod, signal);
    } catch (error) {
      const now = this.#pods.get(uid);
      // Interrupted, because the pod is to be removed or is gone: the next round does that.
      if (!signal.aborted && (now === undefined || now.metadata.deletionTimestamp !== undefined) && isAbort(error)) {
        return { requeueAfterMilliseconds: 0 };
      }
      throw error;
    }
  }

  async #sync(record: PodRecord, signal: AbortSignal): Promise<{ requeueAfterMilliseconds?: number } | undefined> {
    const { clock } = this.#parts;
    for (let step = 0; step < MAX_STEPS; step++) {
      const { observed, present } = await this.#look(record.uid, signal);
      const pod = this.#statuses.latest(record.uid);
      if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) {
        // Its own status write may have told of a deletion that the watch has not told of yet.
        const lagging = this.#pods.get(record.uid)?.metadata.deletionTimestamp === undefined && pod !== undefined;
        return { requeueAfterMilliseconds: lagging ? STALE_CACHE_RETRY_MILLISECONDS : 0 };
      }
      record.observe(pod, observed);
      await this.#reportRestore(record, pod, observed);
      const crashed = hasCrashed(pod, observed, record);
      record.imagePolicy = crashed ? await this.#parts.checkpoints.restartsFromImage(pod, signal) : undefined;
      const plan = planPod(pod, observed, record, clock.now());
      this.#publish(record, pod, observed);
      if (plan.action === 'none') {
        this.#settle(record, pod, observed);
        return plan.at === undefined ? undefined : { requeueAfterMilliseconds: Math.max(0, plan.at - clock.now()) };
      }
      if (plan.action !== 'clear' && !record.admitted) {
        const wait = this.#admit(record, pod, present);
        if (wait === 'wait') return { requeueAfterMilliseconds: ROOM_RETRY_MILLISECONDS };
        if (wait === 'reject') continue;
      }
      await record.interruptible(signal, (either) => this.#carryOut(record, pod, plan, either));
    }
    throw new FermataError('PodNotSettling', `pod ${keyOf(record.pod)} did not settle in ${MAX_STEPS} steps`);
  }

  async #carryOut(
    record: PodRecord,
    pod: Pod,
    plan: Exclude<PodPlan, { action: 'none' }>,
    signal: AbortSignal,
  ): Promise<void> {
    switch (plan.action) {
      case 'create':
        return this.#starter.create(record, pod, signal);
      case 'start':
        return this.#starter.start(record, pod, plan.containers, signal);
      case 'restore':
        return this.#starter.restore(record, pod, plan.again, signal);
      case 'clear': {
        this.#parts.events.record(pod, 'Normal', 'Killing', `Stopping the pod's containers: ${plan.why}`);
        await this.#parts.runtime.removePod(record.uid, plan.graceful ? graceOf(pod) : 0, signal);
        record.created = false;
        if (plan.verdict !== undefined) record.verdict = plan.verdict;
      }
    }
  }

  /**
   * The runtime's view of the pod, taken at a moment when no dump of it was under way: in the middle of one, a container
   * that is being dumped may look like one that crashed.
   */
  async #look(
    uid: string,
    signal: AbortSignal,
  ): Promise<{ observed: PodObservation | undefined; present: readonly PodObservation[] }> {
    const { checkpoints, runtime } = this.#parts;
    for (;;) {
      await checkpoints.settled(uid, signal);
      const present = await runtime.list(signal);
      if (!checkpoints.dumping(uid)) return { observed: present.find((pod) => pod.uid === uid), present };
    }
  }

  #admit(record: PodRecord, pod: Pod, present: readonly PodObservation[]): 'go' | 'wait' | 'reject' {
    const admission = admit(record, this.#records.values(), present, this.#options.allocatable);
    if (admission.answer === 'admit') {
      record.admitted = true;
      this.#waitingForRoom.delete(record.uid);
      return 'go';
    }
    if (admission.answer === 'wait') {
      for (const orphan of admission.orphans) this.#loop.enqueue(orphan);
      this.#waitingForRoom.add(record.uid);
      return 'wait';
    }
    const { reason, message } = admission;
    this.#parts.events.record(pod, 'Warning', reason, message);
    // A suspended workload is not to end as a failed pod: its checkpoint waits for another try.
    if (restoreFrom(pod) === undefined) record.verdict = { reason, message: `Pod was rejected: ${message}` };
    else record.failRestore(`${reason}: ${message}`);
    return 'reject';
  }

  #publish(record: PodRecord, pod: Pod, observed: PodObservation | undefined): void {
    const now = this.#parts.clock.now();
    const phase = podStatus(pod, observed, record, now).phase;
    if ((phase === 'Succeeded' || phase === 'Failed') && !record.over) {
      record.over = true;
      this.#roomChanged();
    }
    // Worked out when it is written, maybe long after, and then from what the record has taken in: an older observation
    // beside a newer record shows a container that has just started as one that ran and is lost.
    this.#statuses.set(record.uid, (current) => podStatus(current, record.observed, record, this.#parts.clock.now()));
  }

  /** Says once per wait that a container is held back. */
  #settle(record: PodRecord, pod: Pod, observed: PodObservation | undefined): void {
    const now = this.#parts.clock.now();
    const views = [
      ...initViews(pod, observed, record).map((view) => ({ view, kind: 'init' as const })),
      ...appViews(pod, observed, record).map((view) => ({ view, kind: 'app' as const })),
    ];
    for (const { view, kind } of views) {
      if (record.over || !isToRestart(pod, view, kind) || restartAt(view, record, now) <= now) continue;
      const { name } = view.container;
      this.#parts.events.record(pod, 'Warning', 'BackOff', `Back-off restarting failed container ${name}`);
    }
  }

  async #reportRestore(record: PodRecord, pod: Pod, observed: PodObservation | undefined): Promise<void> {
    const checkpoint = restoreFrom(pod);
    if (checkpoint === undefined || record.restored !== 'yes' || record.restoreReported || observed === undefined)
      return;
    await this.#parts.checkpoints.restored(pod, checkpoint, undefined);
    record.restoreReported = true;
  }

  async #terminate(record: PodRecord, pod: Pod, signal: AbortSignal): Promise<undefined> {
    const { observed } = await this.#look(record.uid, signal);
    await this.#remover.terminate(record, this.#pods.get(record.uid) ?? pod, observed, signal);
    record.over = true;
    this.#roomChanged();
    return undefined;
  }

  /** A pod that is not bound to this node: nominated to it, gone from the API, or none of its business. */
  async #reconcileUnbound(
    uid: string,
    signal: AbortSignal,
  ): Promise<{ requeueAfterMilliseconds?: number } | undefined> {
    const nominated = this.#prepareAhead?.get(uid);
    if (nominated !== undefined) {
      await this.#createAhead(nominated, signal);
      return undefined;
    }
    const { observed } = await this.#look(uid, signal);
    if (this.#pods.has(uid)) return { requeueAfterMilliseconds: 0 };
    if (observed !== undefined) {
      const nominations = this.#prepareAhead !== undefined;
      const claim = await this.#remover.claimOn(observed, nominations, signal);
      if (claim === 'kept') return { requeueAfterMilliseconds: ROOM_RETRY_MILLISECONDS };
      if (claim === 'elsewhere') return undefined;
      const record = this.#records.get(uid);
      await this.#remover.removeOrphan(observed, record, signal);
      if (record !== undefined) record.created = false;
    }
    if (this.#pods.has(uid) || this.#prepareAhead?.get(uid) !== undefined) return { requeueAfterMilliseconds: 0 };
    await this.#parts.volumes.remove(uid);
    this.#records.delete(uid);
    this.#waitingForRoom.delete(uid);
    this.#roomChanged();
    return undefined;
  }

  async #createAhead(pod: Pod, signal: AbortSignal): Promise<void> {
    const { uid } = pod.metadata;
    const record = this.#records.get(uid) ?? new PodRecord(pod, this.#parts.clock.now());
    this.#records.set(uid, record);
    if (record.created) return;
    try {
      await record.interruptible(signal, (either) => this.#starter.createAhead(record, pod, either));
    } catch (error) {
      if (signal.aborted || this.#prepareAhead?.get(uid) !== undefined) throw error;
      // The nomination went away meanwhile; what was made of the pod is removed in the next round.
    }
    if (this.#prepareAhead?.get(uid) === undefined) this.#loop.enqueue(uid);
  }

  #roomChanged(): void {
    for (const uid of this.#waitingForRoom) this.#loop.enqueue(uid);
  }
}

/** Most changes are the node's own status writes, which call for nothing. */
function isRelevant(pod: Pod, previous: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp !== previous.metadata.deletionTimestamp ||
    pod.metadata.deletionGracePeriodSeconds !== previous.metadata.deletionGracePeriodSeconds ||
    (pod.spec.readinessGates ?? []).length > 0 ||
    !isSame(pod.metadata.annotations, previous.metadata.annotations) ||
    !isSame(pod.metadata.finalizers, previous.metadata.finalizers) ||
    !isSame(pod.spec, previous.spec)
  );
}

/** Whatever an aborted operation throws, unless it says something of its own. */
function isAbort(error: unknown): boolean {
  return !(error instanceof FermataError) || error.code === 'Aborted';
}
