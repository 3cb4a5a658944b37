import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Random } from '../../clock/index.ts';
import { type ObjectStore, ReconcileLoop, Reflector } from '../../kubernetes/index.ts';
import {
  conditionOf,
  isTerminal,
  keyOf,
  type Log,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  RESTORED_CONDITION,
} from '../../model/index.ts';
import type { CheckpointRuntime } from '../../runtime/index.ts';
import type { Agent } from '../agent.ts';
import { emptyDirsOf } from '../checkpoint-folder.ts';
import type { OpenedCheckpoint } from '../opener.ts';
import { writePodCondition } from '../pod-condition.ts';
import { type CheckpointImage, checkpointImage, type ImageRequest, imageReference } from './checkpoint-image.ts';
import { describeLayer } from './checkpoint-layer.ts';
import { ImageServer, type ImageSource } from './image-server.ts';
import { restoreOf, restoreOutcome } from './restore-outcome.ts';

/** The kubelet may hear of a pod before the agent does. */
const POD_WAIT_MILLISECONDS = 5_000;
const POD_POLL_MILLISECONDS = 50;
/** A pod is reported on one at a time, and there are few. */
const CONCURRENCY = 4;

export interface KubeletRestoresParts {
  store: ObjectStore;
  agent: Pick<Agent, 'open' | 'restored'>;
  runtime: Pick<CheckpointRuntime, 'list'>;
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
 * `emptyDir`s back before the first container starts, and tells what became of it.
 */
export class KubeletRestores implements ImageSource {
  readonly #parts: KubeletRestoresParts;
  readonly #options: KubeletRestoresOptions;
  readonly #registry: string;
  readonly #server: ImageServer;
  readonly #pods: Reflector<Pod>;
  readonly #loop: ReconcileLoop;
  /** By pod UID and container, while the pod is here. */
  readonly #images = new Map<string, Map<string, Promise<{ image: CheckpointImage; directory: string }>>>();
  readonly #opened = new Map<string, Promise<OpenedCheckpoint>>();
  /** By pod UID: when its data was asked for first. */
  readonly #askedAt = new Map<string, number>();
  readonly #stopping = new AbortController();

  constructor(parts: KubeletRestoresParts, options: KubeletRestoresOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#registry = options.registry;
    this.#server = new ImageServer({ source: this, log: parts.log }, options);
    this.#loop = new ReconcileLoop(parts, {
      name: `restores of ${options.nodeName}`,
      concurrency: CONCURRENCY,
      reconcile: (key, signal) => this.#report(key, signal),
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
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`the restores of node ${this.#options.nodeName} stop`));
    await Promise.all([this.#server.stop(), this.#pods.stop(), this.#loop.stop()]);
  }

  async image(
    request: ImageRequest,
    starting: boolean,
    signal: AbortSignal,
  ): Promise<{ image: CheckpointImage; directory: string } | undefined> {
    const pod = await this.#podFor(request, signal);
    const checkpoint = pod === undefined ? undefined : restoreOf(pod, this.#registry);
    if (pod === undefined || checkpoint === undefined) return undefined;
    const { uid, namespace } = pod.metadata;
    // A pod names its checkpoint twice, and what it asks for must be the one of its own namespace.
    const { metadata } = await this.#parts.store.get(POD_CHECKPOINTS, { namespace, name: checkpoint }, { signal });
    if (metadata.uid !== request.checkpointUid) return undefined;
    if (!this.#askedAt.has(uid)) this.#askedAt.set(uid, this.#parts.clock.now());
    const open = () => this.#parts.agent.open(pod, checkpoint, this.#stopping.signal);
    let opened = await once(this.#opened, uid, open);
    if (!existsSync(opened.directory)) {
      // A container starts anew long after the restore, and the copy went meanwhile, since a store has it.
      this.#opened.delete(uid);
      this.#images.delete(uid);
      opened = await once(this.#opened, uid, open);
    }
    if (starting) await this.#fillVolumes(pod, opened, signal);
    const ofPod = this.#images.get(uid) ?? new Map();
    this.#images.set(uid, ofPod);
    const directory = join(opened.directory, request.container);
    return once(ofPod, request.container, async () => {
      const layer = await describeLayer(directory, this.#stopping.signal);
      return { image: checkpointImage(request.container, layer), directory };
    });
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
    const outcome = restoreOutcome(seen);
    if (outcome.state === 'waiting' || seen.metadata.deletionTimestamp !== undefined) return;
    const askedAt = this.#askedAt.get(seen.metadata.uid);
    if (outcome.state === 'restored') {
      const milliseconds = askedAt === undefined ? undefined : this.#parts.clock.now() - askedAt;
      await this.#parts.agent.restored(seen, checkpoint, milliseconds);
    }
    const condition =
      outcome.state === 'restored'
        ? ({ status: 'True', reason: 'Restored', message: `from checkpoint ${checkpoint}` } as const)
        : ({ status: 'False', reason: 'RestoreFailed', message: outcome.message } as const);
    await writePodCondition(this.#parts, seen, { type: RESTORED_CONDITION, ...condition }, signal);
  }

  #forget({ metadata: { uid } }: Pod): void {
    this.#images.delete(uid);
    this.#opened.delete(uid);
    this.#askedAt.delete(uid);
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
