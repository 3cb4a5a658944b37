import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Clock, rfc3339 } from '../../src/clock/index.ts';
import { isApiError, type Registry } from '../../src/kubernetes/index.ts';
import {
  type Condition,
  conditionOf,
  EVENTS,
  FermataError,
  NODE_POD_CHECKPOINTS,
  type NodePodCheckpoint,
  PODS,
  type Pod,
  type PodSpec,
  withCondition,
} from '../../src/model/index.ts';
import type { SimulatedRuntime } from '../../src/runtime/index.ts';
import { differingField, isReady } from './api-stand-in.ts';

const TICK_MILLISECONDS = 20;

/**
 * STAND-IN. A kubelet with the feature gate PodLevelCheckpointRestore of KEP-5823, as the KEP's text has it, over the simulated
 * runtime: there is none to be had. It runs pods of one node, and writes their processes to a `/proc` of its own, where the agent
 * looks for them. CRIU's post-dump hook, which a node with CRIU runs inside each dump, runs here as Fermata wrote its requests.
 */
export class KubeletStandIn {
  /** `podCheckpointTimeout`. */
  ceilingSeconds = 15;
  /** Off: PodCheckpoints are left alone, and `restoreFrom` is a no-op. */
  hasFeature = true;
  /** False: a runtime whose dumps run no hook of CRIU (gVisor). */
  hasHook = true;
  /** Of dumps that were carried out: what became of them. */
  readonly dumps: string[] = [];
  readonly #parts: { registry: Registry; runtime: SimulatedRuntime; clock: Clock };
  readonly #nodeName: string;
  readonly #root: string;
  readonly #pids = new Map<string, number>();
  readonly #inFlight = new Set<string>();
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(parts: { registry: Registry; runtime: SimulatedRuntime; clock: Clock }, nodeName: string, root: string) {
    this.#parts = parts;
    this.#nodeName = nodeName;
    this.#root = root;
    mkdirSync(join(root, 'proc'), { recursive: true });
    mkdirSync(this.checkpoints, { recursive: true });
  }

  get checkpoints(): string {
    return join(this.#root, 'var/lib/kubelet/pod-checkpoints');
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  /** A signal to a process of its `/proc`. */
  signal(pid: number, name: NodeJS.Signals): void {
    const uid = [...this.#pids].find(([, one]) => one === pid)?.[0];
    if (uid === undefined || name !== 'SIGCONT') return;
    this.#setState(pid, 'S');
    void this.#parts.runtime.thawPod(uid);
  }

  async #run(): Promise<void> {
    const { registry, clock } = this.#parts;
    while (!this.#stopping.signal.aborted) {
      const pods = await registry.list(PODS, { fieldSelector: `spec.nodeName=${this.#nodeName}` });
      for (const pod of pods.items) await this.#sync(pod);
      for (const pod of this.hasFeature ? pods.items : []) await this.#takeUp(pod);
      await clock.sleep(TICK_MILLISECONDS, this.#stopping.signal).catch(() => undefined);
    }
  }

  async #sync(pod: Pod): Promise<void> {
    const { registry, runtime } = this.#parts;
    const { uid, namespace, name, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined) {
      if (this.#inFlight.has(uid)) return;
      await runtime.removePod(uid, 0);
      rmSync(join(this.#root, 'proc', String(this.#pids.get(uid))), { recursive: true, force: true });
      this.#pids.delete(uid);
      await registry.delete(PODS, { namespace, name }, { uid, gracePeriodSeconds: 0 }).catch(unlessGone);
      return;
    }
    if (this.#pids.has(uid)) return;
    if (pod.spec.restoreFrom !== undefined && this.hasFeature) {
      if (await this.#restore(pod, pod.spec.restoreFrom)) await this.#running(pod);
      return;
    }
    await runtime.createPod(toRun(pod));
    for (const container of pod.spec.containers) await runtime.startContainer(uid, container.name);
    await this.#running(pod);
  }

  /** Step 5 to 7 of the KEP's walkthrough; false: it stays Pending and is tried again. */
  async #restore(pod: Pod, name: string): Promise<boolean> {
    const found = await this.#parts.registry.list(NODE_POD_CHECKPOINTS, { namespace: pod.metadata.namespace ?? '' });
    const checkpoint = found.items.find(({ metadata }) => metadata.name === name);
    const refuse = async (reason: string, message: string): Promise<false> => {
      await this.#condition(pod, { type: 'Restoring', status: 'False', reason, message });
      return false;
    };
    if (checkpoint === undefined || !isReady(checkpoint)) return refuse('CheckpointNotReady', `${name} is not Ready`);
    const { nodeName, checkpointLocation } = checkpoint.status ?? {};
    if (nodeName !== this.#nodeName) return refuse('CheckpointWrongNode', `its data is on node ${nodeName}`);
    const field = differingField(pod.spec, checkpoint);
    if (field !== undefined) return refuse('PodSpecMismatch', `spec.${field} differs`);
    const folder = resolve(this.checkpoints, checkpointLocation?.nodeLocal?.path ?? '..');
    if (!folder.startsWith(`${this.checkpoints}/`) || !existsSync(folder))
      return refuse('CheckpointDataMissing', 'there is no data');
    await this.#condition(pod, { type: 'Restoring', status: 'True' });
    try {
      await this.#parts.runtime.restorePod(toRun(pod), join(folder, 'sandbox'));
    } catch (error) {
      if (!(error instanceof FermataError)) throw error;
      return refuse('RestoreFailed', error.message);
    }
    return true;
  }

  async #running(pod: Pod): Promise<void> {
    const { registry, clock } = this.#parts;
    const { uid, namespace, name } = pod.metadata;
    const pid = 1000 + this.#pids.size + this.dumps.length * 10 + readdirSync(join(this.#root, 'proc')).length;
    this.#pids.set(uid, pid);
    mkdirSync(join(this.#root, 'proc', String(pid)), { recursive: true });
    writeFileSync(join(this.#root, 'proc', String(pid), 'cgroup'), `0::/kubepods/pod${uid}/${idOf(uid)}\n`);
    this.#setState(pid, 'S');
    const startedAt = rfc3339(clock.now());
    const containerStatuses = pod.spec.containers.map((container) => ({
      name: container.name,
      image: container.image,
      imageID: digestOf(container.image),
      containerID: `containerd://${idOf(uid)}`,
      ready: true,
      restartCount: 0,
      state: { running: { startedAt } },
    }));
    const restored = pod.spec.restoreFrom !== undefined && this.hasFeature;
    const current = await registry.get(PODS, { namespace, name });
    const conditions = (current.status?.conditions ?? []).filter(({ type }) => type !== 'Restoring');
    const status = { phase: 'Running', containerStatuses, conditions };
    await registry.patch(PODS, { namespace, name }, { status }, { subresource: 'status' });
    if (restored) await this.#event(pod, 'RestoreSucceeded');
  }

  /** Checkpoint handling: one at a time of a pod, of that very pod, within the ceiling; the source always runs on. */
  async #takeUp(pod: Pod): Promise<void> {
    const { namespace = '', name, uid } = pod.metadata;
    if (!this.#pids.has(uid) || this.#inFlight.has(uid)) return;
    const found = await this.#parts.registry.list(NODE_POD_CHECKPOINTS, { namespace }).catch(unlessGone);
    const order = found?.items.find(({ spec, status }) => {
      const ready = conditionOf(status?.conditions, 'Ready');
      const isOver = ready?.status === 'True' || /Failed|Replaced/.test(ready?.reason ?? '');
      return spec.sourcePod?.name === name && !isOver;
    });
    if (order === undefined) return;
    if (order.spec.sourcePod?.uid !== undefined && order.spec.sourcePod.uid !== uid) {
      return this.#finish(
        order,
        { reason: 'SourcePodReplaced', message: `the pod is now ${uid}` },
        { sourcePodUID: uid },
      );
    }
    this.#inFlight.add(uid);
    await this.#finish(order, { reason: 'CheckpointInProgress', message: '' }, { sourcePodUID: uid });
    void this.#dump(order, pod).finally(() => this.#inFlight.delete(uid));
  }

  async #dump(order: NodePodCheckpoint, pod: Pod): Promise<void> {
    const { runtime, clock } = this.#parts;
    const path = `checkpoint-${order.metadata.uid}`;
    const folder = join(this.checkpoints, path);
    const seconds = Math.min(order.spec.timeoutSeconds ?? this.ceilingSeconds, this.ceilingSeconds);
    try {
      mkdirSync(folder);
      const given = { leaveRunning: true, timeoutMilliseconds: seconds * 1000 };
      await runtime.checkpointPod(pod.metadata.uid, { directory: join(folder, 'sandbox'), ...given });
      // The runtime's own data is in memory, for then no time passes between a dump and its hook.
      writeFileSync(join(folder, 'sandbox.tar'), 'opaque');
      if (this.hasHook && this.#postDump(pod.metadata.uid)) await runtime.freezePod(pod.metadata.uid);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      this.dumps.push('failed');
      return this.#finish(order, { reason: 'CheckpointFailed', message: String(error) });
    }
    this.dumps.push('completed');
    await this.#finish(
      order,
      { reason: 'CheckpointCompleted', message: 'checkpoint archive written successfully' },
      {
        checkpointLocation: { type: 'NodeLocal', nodeLocal: { path } },
        completionTime: rfc3339(clock.now()),
        checkpointedPodTemplate: templateOf(pod),
        checkpointedContainers: pod.spec.containers.map(({ name }) => ({ name })),
      },
    );
  }

  /** As `hold-hook.ts` has it: a request that is there is claimed, and the container's processes are stopped. */
  #postDump(uid: string): boolean {
    const hold = join(this.#root, 'run/fermata/holds', uid);
    if (!existsSync(join(hold, `${idOf(uid)}.requested`))) return false;
    renameSync(join(hold, `${idOf(uid)}.requested`), join(hold, `${idOf(uid)}.stopped`));
    this.#setState(this.#pids.get(uid) ?? 0, 'T');
    return true;
  }

  async #finish(
    order: NodePodCheckpoint,
    ready: { reason: string; message: string },
    more: object = {},
  ): Promise<void> {
    const { registry, clock } = this.#parts;
    const { namespace, name, uid } = order.metadata;
    const status = ready.reason === 'CheckpointCompleted' ? 'True' : 'False';
    const conditions = withCondition(
      order.status?.conditions,
      { type: 'Ready', status, ...ready },
      rfc3339(clock.now()),
    );
    const patch = { metadata: { uid }, status: { nodeName: this.#nodeName, ...more, conditions } };
    await registry.patch(NODE_POD_CHECKPOINTS, { namespace, name }, patch, { subresource: 'status' }).catch(unlessGone);
  }

  async #condition(pod: Pod, condition: Condition): Promise<void> {
    const { registry, clock } = this.#parts;
    const { namespace, name } = pod.metadata;
    const current = await registry.get(PODS, { namespace, name });
    const conditions = withCondition(current.status?.conditions, condition, rfc3339(clock.now()));
    await registry.patch(PODS, { namespace, name }, { status: { conditions } }, { subresource: 'status' });
  }

  async #event({ metadata: { namespace = '', name, uid } }: Pod, reason: string): Promise<void> {
    const involvedObject = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid };
    const event = {
      metadata: { namespace, name: `${name}.${uid}` },
      involvedObject,
      reason,
      type: 'Normal',
      message: reason,
    };
    await this.#parts.registry.create(EVENTS, event as never);
  }

  #setState(pid: number, state: 'S' | 'T'): void {
    writeFileSync(join(this.#root, 'proc', String(pid), 'stat'), `${pid} (counter) ${state} 1\n`);
  }
}

/** Of the one container of a pod: 64 hex digits. */
function idOf(uid: string): string {
  return createHash('sha256').update(uid).digest('hex');
}

/** Sanitised, with images as the digests that ran. */
function templateOf({ metadata, spec }: Pod): { metadata: object; spec: object } {
  const { nodeName: _node, restoreFrom: _from, affinity, ...rest } = spec as PodSpec;
  const { nodeAffinity: _pinned, ...others } = affinity ?? {};
  const containers = spec.containers.map((container) => ({ ...container, image: digestOf(container.image) }));
  return {
    metadata: { labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} },
    spec: { ...rest, containers, ...(Object.keys(others).length > 0 && { affinity: others }) },
  };
}

function digestOf(image = ''): string {
  return image.includes('@') ? image : `${image}@sha256:${createHash('sha256').update(image).digest('hex')}`;
}

function toRun(pod: Pod) {
  const [container] = pod.spec.containers;
  const environment = Object.fromEntries((container?.env ?? []).map(({ name, value = '' }) => [name, value]));
  const volumes = Object.fromEntries((pod.spec.volumes ?? []).map(({ name }) => [name, `/shared/${name}`]));
  return { pod, volumes, environment: { [container?.name ?? '']: environment } };
}

function unlessGone(error: unknown): undefined {
  if (isApiError(error, 'NotFound', 'Conflict')) return undefined;
  throw error;
}
