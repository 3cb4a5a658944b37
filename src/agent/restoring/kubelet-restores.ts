import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Random, rfc3339 } from '../../clock/index.ts';
import { EventRecorder, type ObjectStore, ReconcileLoop, Reflector } from '../../kubernetes/index.ts';
import {
  conditionOf,
  isConditionTrue,
  isTerminal,
  keyOf,
  type Log,
  originalImages,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  RESTORED_CONDITION,
  reasonOf,
} from '../../model/index.ts';
import type { CheckpointRuntime } from '../../runtime/index.ts';
import type { Agent } from '../agent.ts';
import { emptyDirsOf } from '../checkpoint-folder.ts';
import type { OpenedCheckpoint } from '../opener.ts';
import { writePodCondition } from '../pod-condition.ts';
import { type CheckpointImage, checkpointImage, type ImageRequest, imageReference } from './checkpoint-image.ts';
import { describeLayer } from './checkpoint-layer.ts';
import { goesOnAtOnce, HeldRestores, type HeldRestoresParts } from './held-restores.ts';
import { ImageServer, type ImageSource } from './image-server.ts';
import { newestCopy, takenAt } from './restart-point.ts';
import { type RestoreOutcome, restoredContainers, restoreOf, restoreOutcome } from './restore-outcome.ts';

/** A container as an image, packed from that folder. */
interface Packed {
  image: CheckpointImage;
  directory: string;
}

/** What of a pod was asked for. */
interface Given {
  /** By name of the PodCheckpoint: its data, and by container what was made of it. */
  copies: Map<string, { opened: OpenedCheckpoint; images: Map<string, Promise<Packed>> }>;
  opening: Map<string, Promise<OpenedCheckpoint>>;
  /** By container: the PodCheckpoint of its last start. */
  startedFrom: Map<string, string>;
}

/** The kubelet may hear of a pod before the agent does. */
const POD_WAIT_MILLISECONDS = 5_000;
const POD_POLL_MILLISECONDS = 50;
/** A pod is reported on one at a time, and there are few. */
const CONCURRENCY = 4;

export interface KubeletRestoresParts {
  store: ObjectStore;
  agent: Pick<Agent, 'open' | 'restored' | 'restoreFailed' | 'holdOf' | 'restartsFromImage'>;
  runtime: Pick<CheckpointRuntime, 'list'> & Pick<HeldRestoresParts, 'returns'>;
  clock: Clock;
  random: Random;
  log: Log;
}

export interface KubeletRestoresOptions {
  nodeName: string;
  /** Of the loopback address. */
  port: number;
  /** `host:port` by which each node's container runtime reaches its own agent; a part of images' names, so the same on all nodes. */
  registry: string;
  /** Where the kubelet has the folder of an `emptyDir`. */
  volumeFolder(podUid: string, volume: string): string;
}

/**
 * Restores on a node where a kubelet runs the pods: gives it checkpoints as the images that its pods name, puts the content of
 * `emptyDir`s back before the first container starts, lets what goes on at once go on at once, and tells what became of it.
 */
export class KubeletRestores implements ImageSource {
  readonly #parts: KubeletRestoresParts;
  readonly #options: KubeletRestoresOptions;
  readonly #registry: string;
  readonly #server: ImageServer;
  readonly #pods: Reflector<Pod>;
  readonly #loop: ReconcileLoop;
  readonly #events: EventRecorder;
  /** By pod UID, while the pod is here. */
  readonly #given = new Map<string, Given>();
  /** By pod UID: when its data was asked for first. */
  readonly #askedAt = new Map<string, number>();
  readonly #held: HeldRestores;
  readonly #background = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(parts: KubeletRestoresParts, options: KubeletRestoresOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#registry = options.registry;
    this.#events = new EventRecorder(parts, { component: 'fermata-agent', host: options.nodeName });
    this.#server = new ImageServer({ source: this, log: parts.log }, options);
    this.#loop = new ReconcileLoop(parts, {
      name: `restores of ${options.nodeName}`,
      concurrency: CONCURRENCY,
      reconcile: (key, signal) => this.#report(key, signal),
    });
    this.#held = new HeldRestores({
      ...parts,
      returns: parts.runtime.returns,
      changed: (pod) => this.#loop.enqueue(keyOf(pod)),
    });
    this.#pods = new Reflector<Pod>(parts, PODS, {
      fieldSelector: `spec.nodeName=${options.nodeName}`,
      onChange: (pod, previous) => {
        if (previous !== undefined && previous.metadata.uid !== pod.metadata.uid) this.#forget(previous);
        if (restoreOf(pod, this.#registry) !== undefined) this.#loop.enqueue(keyOf(pod));
      },
      onDelete: (pod) => this.#forget(pod),
    });
  }

  /** Throws FermataError `AddressInUse`. */
  async start(): Promise<void> {
    await this.#server.start();
    this.#pods.start();
    this.#loop.start();
    this.#inBackground(this.#forgetGone());
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`the restores of node ${this.#options.nodeName} stop`));
    await Promise.all([this.#server.stop(), this.#pods.stop(), this.#loop.stop()]);
    await this.#held.stop();
    await Promise.all(this.#background);
    await this.#events.flush();
  }

  async image(request: ImageRequest, starting: boolean, signal: AbortSignal): Promise<Packed | undefined> {
    const pod = await this.#podFor(request, signal);
    const checkpoint = pod === undefined ? undefined : restoreOf(pod, this.#registry);
    if (pod === undefined || checkpoint === undefined) return undefined;
    const { uid, namespace } = pod.metadata;
    // A pod names its checkpoint twice, and what it asks for must be the one of its own namespace.
    const named = await this.#parts.store.get(POD_CHECKPOINTS, { namespace, name: checkpoint }, { signal });
    if (named.metadata.uid !== request.checkpointUid) return undefined;
    if (starting && !(await this.#mayStart(pod, named))) return undefined;
    if (!(await this.#mayGoBack(pod, request.container, signal))) return undefined;
    if (!this.#askedAt.has(uid)) this.#askedAt.set(uid, this.#parts.clock.now());
    const given = this.#given.get(uid) ?? { copies: new Map(), opening: new Map(), startedFrom: new Map() };
    this.#given.set(uid, given);
    const { container } = request;
    if (starting)
      given.startedFrom.set(container, await this.#startingPoint(pod, given, { container, checkpoint }, signal));
    const { opened, images } = await this.#copyOf(pod, given, given.startedFrom.get(container) ?? checkpoint);
    if (starting) await this.#fillVolumes(pod, opened, signal);
    const directory = join(opened.directory, container);
    return once(images, container, async () => {
      const layer = await describeLayer(directory, this.#stopping.signal);
      return { image: checkpointImage(container, layer), directory };
    });
  }

  /** False for one that was given up: those that it was to go on with are not there any more. What goes on at once is held from here on. */
  async #mayStart(pod: Pod, checkpoint: PodCheckpoint): Promise<boolean> {
    const hold = this.#parts.agent.holdOf(pod, checkpoint);
    const restored = conditionOf(pod.status?.conditions, RESTORED_CONDITION)?.status;
    if (restored === 'False') return hold === undefined;
    if (restored === undefined && goesOnAtOnce(pod, hold)) await this.#held.begin(pod, hold);
    return true;
  }

  /** By policy a container that crashed is not to go back: it is given nothing, until the controller has given it its own image again. */
  async #mayGoBack(pod: Pod, container: string, signal: AbortSignal): Promise<boolean> {
    if (!isConditionTrue(pod.status?.conditions, RESTORED_CONDITION)) return true;
    if (originalImages(pod)[container]?.image === undefined) return true;
    return (await this.#parts.agent.restartsFromImage(pod, signal)) === undefined;
  }

  async #copyOf(pod: Pod, { copies, opening }: Given, checkpoint: string) {
    const known = copies.get(checkpoint);
    // A container starts anew long after the restore, and a copy may go meanwhile, where a store has it.
    if (known !== undefined && existsSync(known.opened.directory)) return known;
    copies.delete(checkpoint);
    const opened = await once(opening, checkpoint, () =>
      this.#parts.agent.open(pod, checkpoint, this.#stopping.signal),
    );
    opening.delete(checkpoint);
    const copy = copies.get(checkpoint) ?? { opened, images: new Map<string, Promise<Packed>>() };
    copies.set(checkpoint, copy);
    return copy;
  }

  /**
   * A kubelet starts a container that crashed from the image it knows. What it is given under that name is the newest that was saved of
   * the pod, so that no more is lost than what came after that; and that something is lost is said.
   */
  async #startingPoint(
    pod: Pod,
    given: Given,
    { container, checkpoint }: { container: string; checkpoint: string },
    signal: AbortSignal,
  ): Promise<string> {
    const { namespace, uid } = pod.metadata;
    if (!isConditionTrue(pod.status?.conditions, RESTORED_CONDITION)) return checkpoint;
    const scope = namespace === undefined ? {} : { namespace };
    const { items } = await this.#parts.store.list(POD_CHECKPOINTS, { ...scope, signal });
    const newest = newestCopy(uid, container, items);
    const tell = (type: 'Normal' | 'Warning', message: string): void =>
      this.#events.record(pod, type, 'StartsFromCheckpoint', `container ${container} starts again from ${message}`);
    if (newest === undefined) {
      tell('Warning', `checkpoint ${checkpoint}, which the pod was restored from: what it did since is lost`);
      return checkpoint;
    }
    const { name } = newest.metadata;
    try {
      await this.#copyOf(pod, given, name);
    } catch (error) {
      if (signal.aborted || this.#stopping.signal.aborted) throw error;
      tell('Warning', `checkpoint ${checkpoint}, for the newer ${name} cannot be had: ${reasonOf(error)}`);
      return checkpoint;
    }
    tell('Normal', `checkpoint ${name} of ${rfc3339(takenAt(newest))}: what it did since is lost`);
    return name;
  }

  async #podFor({ checkpointUid, container }: ImageRequest, signal: AbortSignal): Promise<Pod | undefined> {
    const wanted = imageReference(this.#registry, checkpointUid, container);
    const deadline = this.#parts.clock.now() + POD_WAIT_MILLISECONDS;
    for (;;) {
      const pod = this.#pods
        .items()
        .find(
          (one) =>
            one.metadata.deletionTimestamp === undefined &&
            !isTerminal(one) &&
            [...(one.spec.initContainers ?? []), ...one.spec.containers].some(({ image }) => image === wanted),
        );
      if (pod !== undefined || this.#parts.clock.now() > deadline) return pod;
      await this.#parts.clock.sleep(POD_POLL_MILLISECONDS, signal);
    }
  }

  /** The kubelet has made the volumes before it pulls. While a container of the pod runs they are its own. */
  async #fillVolumes(pod: Pod, opened: OpenedCheckpoint, signal: AbortSignal): Promise<void> {
    const { uid } = pod.metadata;
    const volumes = emptyDirsOf(pod);
    if (volumes.length === 0) return;
    const present = (await this.#parts.runtime.list(signal)).find((one) => one.uid === uid);
    if (present?.containers.some(({ state }) => state === 'running' || state === 'frozen')) return;
    await opened.fillVolumes(
      Object.fromEntries(volumes.map((volume) => [volume, this.#options.volumeFolder(uid, volume)])),
      signal,
    );
  }

  /** Says once what became of the restore. */
  async #report(key: string, signal: AbortSignal): Promise<undefined> {
    const seen = this.#pods.get(key);
    const checkpoint = seen === undefined ? undefined : restoreOf(seen, this.#registry);
    if (seen === undefined || checkpoint === undefined || conditionOf(seen.status?.conditions, RESTORED_CONDITION))
      return;
    if (seen.metadata.deletionTimestamp !== undefined) return;
    const { uid, namespace } = seen.metadata;
    if (this.#held.stateOf(uid) === undefined && (await this.#held.wasBegun(uid))) {
      const named = await this.#parts.store.get(POD_CHECKPOINTS, { namespace, name: checkpoint }, { signal });
      await this.#held.begin(seen, this.#parts.agent.holdOf(seen, named));
    }
    const held = this.#held.stateOf(uid);
    const outcome = await this.#outcome(seen);
    if (outcome.state === 'waiting') return;
    const askedAt = this.#askedAt.get(uid);
    if (outcome.state === 'restored') {
      const backAt = held?.state === 'free' ? held.backAt : this.#parts.clock.now();
      await this.#parts.agent.restored(seen, checkpoint, askedAt === undefined ? undefined : backAt - askedAt);
    } else if (held?.state !== 'refused') {
      await this.#parts.agent.restoreFailed(seen, checkpoint, outcome.message, signal);
    }
    const condition =
      outcome.state === 'restored'
        ? ({ status: 'True', reason: 'Restored', message: `from checkpoint ${checkpoint}` } as const)
        : ({ status: 'False', reason: 'RestoreFailed', message: outcome.message } as const);
    await writePodCondition(this.#parts, seen, { type: RESTORED_CONDITION, ...condition }, signal);
  }

  /** What the kubelet takes for running may stand still. */
  async #outcome(pod: Pod): Promise<RestoreOutcome> {
    const held = this.#held.stateOf(pod.metadata.uid);
    if (held?.state === 'refused') return { state: 'failed', message: held.message };
    const outcome = restoreOutcome(pod);
    if (outcome.state !== 'restored' || held?.state !== 'held') return outcome;
    const stopped = await this.#held.stopped(pod.metadata.uid);
    const restored = restoredContainers(pod);
    const runner = pod.status?.containerStatuses?.find(
      ({ name, containerID = '' }) => restored.includes(name) && !stopped.includes(containerID.split('://')[1] ?? ''),
    );
    if (runner === undefined || this.#held.stateOf(pod.metadata.uid)?.state !== 'held') return { state: 'waiting' };
    const message = `container ${runner.name} did not stand still when it was back: CRIU did not run Fermata's hook on this node; see that the container runtime reads /etc/criu/runc.conf or /etc/criu/crun.conf`;
    return { state: 'failed', message };
  }

  /** Pods that went while no agent was here. */
  async #forgetGone(): Promise<void> {
    await this.#pods.synced(this.#stopping.signal);
    const present = new Set(this.#pods.items().map(({ metadata }) => metadata.uid));
    for (const uid of await this.#parts.runtime.returns.pods()) if (!present.has(uid)) await this.#held.forget(uid);
  }

  #inBackground(work: Promise<void>): void {
    const task = work.catch((error: unknown) => {
      if (this.#stopping.signal.aborted) return;
      this.#parts.log.warn({ node: this.#options.nodeName, reason: reasonOf(error) }, 'held restores not cleared away');
    });
    this.#background.add(task);
    void task.then(() => this.#background.delete(task));
  }

  #forget({ metadata: { uid } }: Pod): void {
    this.#given.delete(uid);
    this.#askedAt.delete(uid);
    this.#inBackground(this.#held.forget(uid));
  }
}

/** What was begun for the key, or begins it; what failed is begun anew the next time. */
function once<T>(begun: Map<string, Promise<T>>, key: string, begin: () => Promise<T>): Promise<T> {
  const known = begun.get(key);
  if (known !== undefined) return known;
  const promise = begin();
  begun.set(key, promise);
  promise.catch(() => begun.delete(key));
  return promise;
}
