import assert from 'node:assert/strict';
import { access, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accountSteps, countingPod, readOutput } from '../src/demo/index.ts';
import { isApiError, Reflector } from '../src/kubernetes/index.ts';
import {
  type Condition,
  type Container,
  conditionOf,
  type Draft,
  EVENTS,
  INCARNATION_ANNOTATION,
  isConditionTrue,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  SILENT_LOG,
} from '../src/model/index.ts';
import { startTestSandbox, type TestSandbox } from './sandbox-harness.ts';

export const NAMESPACE = 'default';
/** Longest a scene may take; most need 5 to 20 s on an idle machine. */
const SCENE_MILLISECONDS = 170_000;

/**
 * Counts until the file `finish` appears beside its output, so that no test has to guess how long it must run. The count is
 * held in memory alone.
 */
const COUNTER = `
open(my $output, '>>', '/output/steps.txt') or die $!;
my $ballast = 'x' x (8 << 20);
my $step = 0;
until (-e '/output/finish') {
  select(undef, undef, undef, 0.02);
  $step++;
  syswrite($output, "step $step\\n") or die $!;
}
exit($ENV{EXIT_CODE} // 0);
`;
/** Opens an io_uring, whose file CRIU cannot dump. */
const IO_URING = 'my $parameters = "\\0" x 120; syscall(425, 4, $parameters) > 0 or die "no io_uring: $!";';

export interface CountingOptions {
  /** Default `1`: all of a node. */
  cpu?: string;
  priorityClassName?: string;
  /** Nodes it may run on. Default: all of the scene. */
  nodes?: readonly string[];
  labels?: Record<string, string>;
  /** Holds an io_uring, so that it cannot be dumped. */
  undumpable?: boolean;
  /** Perl to be run before it counts. */
  prologue?: string;
  exitCode?: number;
  /** What else the pod is made of. */
  containers?: readonly Container[];
  /** Mounts an `emptyDir` at /scratch. */
  scratch?: boolean;
}

/** A sandbox whose nodes are lent to scenes, so that several play at once without meeting. */
export class FaultStage {
  readonly world: TestSandbox;
  readonly checkpoints: Reflector<PodCheckpoint>;
  readonly #idle: string[];
  readonly #waiting: (() => void)[] = [];

  private constructor(world: TestSandbox) {
    this.world = world;
    this.#idle = world.sandbox.configuration.nodes.map(({ name }) => name);
    this.checkpoints = new Reflector<PodCheckpoint>(
      { store: world.sandbox.store, clock: world.clock, random: Math.random, log: SILENT_LOG },
      POD_CHECKPOINTS,
    );
  }

  static async open(options: { nodes: number; criuDirectory?: string }): Promise<FaultStage> {
    const stage = new FaultStage(await startTestSandbox({ runtime: 'podman', cpu: '1', ...options }));
    stage.checkpoints.start();
    await stage.checkpoints.synced(AbortSignal.timeout(60_000));
    return stage;
  }

  async close(): Promise<void> {
    await this.checkpoints.stop();
    await this.world.dispose();
  }

  /** Plays on nodes that nobody else has meanwhile; afterwards its pods are gone and no invariant was broken. */
  async play(name: string, nodeCount: number, act: (scene: Scene) => Promise<void>): Promise<void> {
    const nodes = await this.#borrow(nodeCount);
    const scene = new Scene(this, name, nodes);
    try {
      await act(scene);
      assert.deepEqual(this.world.recorder.violations(), []);
    } finally {
      await scene.strike();
      this.#idle.push(...nodes);
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  async #borrow(count: number): Promise<string[]> {
    while (this.#idle.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#idle.splice(0, count);
  }
}

/** What one test does on its nodes. Pods go by short names here, by `<scene>-<name>` in the cluster. */
export class Scene {
  readonly world: TestSandbox;
  readonly nodes: readonly string[];
  readonly signal = AbortSignal.timeout(SCENE_MILLISECONDS);
  readonly #stage: FaultStage;
  readonly #prefix: string;
  readonly #names: string[] = [];

  constructor(stage: FaultStage, prefix: string, nodes: readonly string[]) {
    this.#stage = stage;
    this.world = stage.world;
    this.#prefix = prefix;
    this.nodes = nodes;
  }

  get store(): TestSandbox['sandbox']['store'] {
    return this.world.sandbox.store;
  }

  /** The first of its nodes. */
  get node(): string {
    return this.nodes[0] ?? '';
  }

  full(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  folder(name: string): string {
    return join(this.world.folder, this.#prefix, name);
  }

  checkpointsFolder(node = this.node): string {
    return join(this.world.sandbox.directory.node(node), 'checkpoints');
  }

  /** Folders of this scene's own checkpoints: those of earlier scenes on the node go by and by. */
  async dataOn(node = this.node): Promise<string[]> {
    const own = `default_${this.full('')}`;
    return (await readdir(this.checkpointsFolder(node))).filter((folder) => folder.startsWith(own)).sort();
  }

  countingPod(name: string, options: CountingOptions = {}): Draft<Pod> {
    const {
      cpu = '1',
      priorityClassName,
      nodes = this.nodes,
      undumpable = false,
      exitCode = 0,
      scratch = false,
    } = options;
    const pod = countingPod({
      name: this.full(name),
      outputFolder: this.folder(name),
      steps: 0,
      stepMilliseconds: 0,
      memoryMebibytes: 0,
      cpu,
      ...(priorityClassName === undefined ? {} : { priorityClassName }),
    });
    const [counter] = pod.spec.containers;
    assert.ok(counter !== undefined);
    const container: Container = {
      ...counter,
      command: ['perl', '-e', `${undumpable ? IO_URING : ''}${options.prologue ?? ''}${COUNTER}`],
      env: [{ name: 'EXIT_CODE', value: String(exitCode) }],
      volumeMounts: [...(counter.volumeMounts ?? []), ...(scratch ? [{ name: 'scratch', mountPath: '/scratch' }] : [])],
      ...(undumpable && { securityContext: { seccompProfile: { type: 'Unconfined' } } }),
    };
    return {
      metadata: { ...pod.metadata, labels: { ...options.labels } },
      spec: {
        ...pod.spec,
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [...nodes] }] },
              ],
            },
          },
        },
        containers: [container, ...(options.containers ?? [])],
        volumes: [...(pod.spec.volumes ?? []), ...(scratch ? [{ name: 'scratch', emptyDir: {} }] : [])],
      },
    };
  }

  async create(name: string, draft: Draft<Pod>): Promise<Pod> {
    this.#names.push(name);
    return this.store.create(PODS, draft, { signal: this.signal });
  }

  /** A pod that counts, seen counting. */
  async counting(name: string, options: CountingOptions = {}): Promise<Pod> {
    const pod = await this.create(name, this.countingPod(name, options));
    await this.countsOn(name);
    return pod;
  }

  /** An urgent pod that wants a whole node; not waited for. */
  async urgent(name = 'urgent', options: CountingOptions = {}): Promise<Pod> {
    return this.create(name, this.countingPod(name, { priorityClassName: 'urgent', ...options }));
  }

  /** Every line of the output so far is the step after the one before; returns how many there are. */
  async steps(name: string): Promise<number> {
    const { steps } = accountSteps(await readOutput(this.folder(name)), 0);
    assert.deepEqual(
      steps,
      steps.map((_, index) => index + 1),
      `${name} has lost or doubled a step`,
    );
    return steps.length;
  }

  async countsOn(name: string, more = 5): Promise<void> {
    const before = await this.steps(name);
    await this.until(
      `${more} more steps of ${name}`,
      async () => (await this.steps(name)) >= before + more || undefined,
    );
  }

  /** Lets the pod come to its end and returns it as it ended, with every step written once. */
  async finish(name: string): Promise<Pod> {
    await this.countsOn(name);
    await writeFile(join(this.folder(name), 'finish'), '');
    const ended = await this.until(`pod ${name} to end`, () => {
      const pod = this.pod(name);
      return pod?.status?.phase === 'Succeeded' || pod?.status?.phase === 'Failed' ? pod : undefined;
    });
    await this.steps(name);
    return ended;
  }

  pod(name: string): Pod | undefined {
    return this.world.observer.pod(`${NAMESPACE}/${this.full(name)}`);
  }

  podThat(what: string, name: string, holds: (pod: Pod) => boolean): Promise<Pod> {
    return this.until(`pod ${name} ${what}`, () => {
      const pod = this.pod(name);
      return pod !== undefined && holds(pod) ? pod : undefined;
    });
  }

  running(name: string, incarnation = 1): Promise<Pod> {
    return this.podThat(
      `to run as incarnation ${incarnation}`,
      name,
      (pod) => pod.status?.phase === 'Running' && incarnationOf(pod) === incarnation,
    );
  }

  /** Waits until the pod is suspended as the given incarnation, as `kubectl get pods` would show it. */
  suspended(name: string, incarnation = 2): Promise<Pod> {
    return this.podThat(
      `to be suspended as incarnation ${incarnation}`,
      name,
      (pod) => pod.status?.reason === 'Suspended' && incarnationOf(pod) === incarnation,
    );
  }

  /** The condition of the pod that says why it waits. */
  waiting(name: string, message: RegExp): Promise<Pod> {
    return this.podThat(`to wait: ${message}`, name, (pod) =>
      message.test(conditionOf(pod.status?.conditions, 'PodScheduled')?.message ?? ''),
    );
  }

  async gone(name: string): Promise<void> {
    await this.until(`pod ${name} to be gone`, () => (this.pod(name) === undefined ? true : undefined));
  }

  async delete(name: string): Promise<void> {
    try {
      await this.store.delete(PODS, { namespace: NAMESPACE, name: this.full(name) }, { gracePeriodSeconds: 1 });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }

  /** Checkpoints of the pod of that name, whichever incarnation. */
  checkpoints(name: string): PodCheckpoint[] {
    return this.#stage.checkpoints.items().filter(({ spec }) => spec.sourcePod.name === this.full(name));
  }

  checkpointThat(what: string, name: string, holds: (checkpoint: PodCheckpoint) => boolean): Promise<PodCheckpoint> {
    return this.until(`a checkpoint of ${name} ${what}`, () => this.checkpoints(name).find(holds));
  }

  /** The dump failed for the reason given. */
  async failedDump(name: string, message: RegExp): Promise<PodCheckpoint> {
    const failed = await this.checkpointThat(
      'to fail',
      name,
      ({ status }) => conditionOf(status?.conditions, 'Ready')?.reason === 'CheckpointFailed',
    );
    assert.match(conditionOf(failed.status?.conditions, 'Ready')?.message ?? '', message);
    return failed;
  }

  /** Where the data of a checkpoint lies. */
  dataOf({ status }: PodCheckpoint): string {
    const path = status?.checkpointLocation?.nodeLocal?.path;
    assert.ok(path !== undefined && status?.nodeName !== undefined);
    return join(this.checkpointsFolder(status.nodeName), path);
  }

  /** Waits for an event about the object, with that reason and message. */
  async event(object: string, reason: string, message: RegExp): Promise<void> {
    await this.until(`event ${reason} of ${object}: ${message}`, async () => {
      const { items } = await this.store.list(EVENTS, {
        namespace: NAMESPACE,
        fieldSelector: `involvedObject.name=${object},reason=${reason}`,
        signal: this.signal,
      });
      return items.some((event) => message.test(event.message ?? '')) || undefined;
    });
  }

  until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
    return this.world.observer.until(what, look, this.signal);
  }

  /** Takes everything away again. The victims first: a suspended one would come back as soon as the urgent one is gone. */
  async strike(): Promise<void> {
    const signal = AbortSignal.timeout(30_000);
    for (const name of this.#names) {
      const gone = async (): Promise<true | undefined> => {
        const pod = this.pod(name);
        if (pod !== undefined && pod.metadata.deletionTimestamp === undefined) await this.delete(name);
        return pod === undefined || undefined;
      };
      await this.world.observer.until(`pod ${name} to be gone`, gone, signal);
    }
  }
}

export function restoredOf({ status }: PodCheckpoint): Condition | undefined {
  return conditionOf(status?.conditions, 'Restored');
}

export function isReady({ status }: PodCheckpoint): boolean {
  return isConditionTrue(status?.conditions, 'Ready');
}

export function incarnationOf(pod: Pod): number {
  return Number(pod.metadata.annotations?.[INCARNATION_ANNOTATION] ?? '1');
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
