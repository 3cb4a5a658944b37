import type { Clock } from '../../clock/index.ts';
import type { EventRecorder, ObjectStore } from '../../kubernetes/index.ts';
import { adviceOf, type Container, FermataError, type Pod } from '../../model/index.ts';
import type { PodToRun, Runtime } from '../../runtime/index.ts';
import type { CheckpointSource, OpenCheckpoint } from './checkpoint-source.ts';
import { RESTORE_SLOW_MILLISECONDS, RESTORE_TIMEOUT_MILLISECONDS } from './defaults.ts';
import { resolveEnvironment } from './environment.ts';
import type { NodeFacts } from './field-reference.ts';
import type { PodRecord } from './pod-record.ts';
import { type Problem, restoreFrom, WHOLE_POD } from './pod-state.ts';
import { fetchReferences } from './references.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';
import { type VolumeFile, volumeFiles } from './volumes/volume-files.ts';

/** What is missing may be created at any moment, and looking again costs little. */
const MISSING_RETRY_MILLISECONDS = 5_000;

/** Failures that belong to the pod; anything else (API server away, container engine restarting) is simply tried again. */
const POD_FAILURES = new Set([
  'ImageNotFound',
  'VolumeMissing',
  'ContainerCreateFailed',
  'ContainerConfigInvalid',
  'ContainerStartFailed',
  'RestoreFailed',
  'RestoreRefused',
  'QuantityInvalid',
  'CheckpointNotReady',
  'CheckpointUsed',
  'CheckpointMissing',
  'CheckpointIncomplete',
  'CheckpointCorrupt',
  'ManifestUnreadable',
]);

export interface StarterParts {
  store: ObjectStore;
  runtime: Runtime;
  clock: Clock;
  events: EventRecorder;
  checkpoints: CheckpointSource;
  volumes: PodVolumes;
  node: NodeFacts;
}

/** Makes, starts and restores pods, and turns what goes wrong into what their owners see. */
export class PodStarter {
  readonly #parts: StarterParts;

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  /** Makes namespaces and containers. A failure of the pod's own ends up in `record.problem`; any other is thrown. */
  async create(record: PodRecord, pod: Pod, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.runtime.createPod(await this.#prepare(pod, signal), signal);
    } catch (error) {
      if (!isPodFailure(error)) throw error;
      this.#recordProblem(record, pod, error);
      return;
    }
    record.created = true;
    record.clearProblem();
    for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
      const image = container.image ?? '';
      this.#event(pod, 'Normal', 'Pulled', `Container image "${image}" is present on machine`);
      this.#event(pod, 'Normal', 'Created', `Created container: ${container.name}`);
    }
  }

  /** Makes what a nominated pod will need; a failure is left to show when the pod is bound. */
  async createAhead(record: PodRecord, pod: Pod, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.runtime.createPod(await this.#prepare(pod, signal), signal);
      record.created = true;
    } catch (error) {
      if (!isPodFailure(error)) throw error;
    }
  }

  async start(record: PodRecord, pod: Pod, containers: readonly string[], signal: AbortSignal): Promise<void> {
    this.#tellOfImages(record, pod, containers);
    await Promise.all(containers.map((name) => this.#startOne(record, pod, name, signal)));
  }

  /** What a restored container did is not lost without a word. */
  #tellOfImages({ imagePolicy, observed }: PodRecord, pod: Pod, starts: readonly string[]): void {
    if (imagePolicy === undefined) return;
    for (const { name, endedBeforeDump } of observed?.containers ?? []) {
      if (!starts.includes(name) || endedBeforeDump === true) continue;
      const message = `container ${name} starts again from its image, as policy ${imagePolicy} says: all that it did is lost`;
      this.#event(pod, 'Warning', 'StartsFromImage', message);
    }
  }

  async #startOne(record: PodRecord, pod: Pod, name: string, signal: AbortSignal): Promise<void> {
    const failedAt = (record.startFailures.get(name) ?? record.histories.get(name)?.ended)?.finishedAt;
    if (failedAt !== undefined || record.histories.has(name)) record.backOff(name, failedAt ?? this.#parts.clock.now());
    record.startFailures.delete(name);
    try {
      await this.#parts.runtime.startContainer(record.uid, name, signal);
    } catch (error) {
      if (!isPodFailure(error)) throw error;
      const now = this.#parts.clock.now();
      const message = adviceOf(error);
      record.startFailures.set(name, { exitCode: 128, reason: 'StartError', message, startedAt: now, finishedAt: now });
      this.#event(pod, 'Warning', 'Failed', `Error: ${message}`);
      return;
    }
    this.#event(pod, 'Normal', 'Started', `Started container ${name}`);
  }

  /**
   * Brings the pod to life from its checkpoint. The first time a failure gives the pod up here (another try is the restore
   * controller's business) and leaves nothing behind; after a crash (`again`) it is tried again with backoff.
   */
  async restore(record: PodRecord, pod: Pod, again: boolean, signal: AbortSignal): Promise<void> {
    const { clock, checkpoints, runtime } = this.#parts;
    let checkpoint = restoreFrom(pod) ?? '';
    const newest = again ? await this.#openNewest(pod, signal) : undefined;
    checkpoint = newest?.name ?? checkpoint;
    if (again) {
      const message = `A restored container ended: the pod goes on from checkpoint ${checkpoint} again`;
      this.#event(pod, 'Warning', 'Restoring', message);
    } else {
      this.#event(pod, 'Normal', 'Restoring', `Restoring from checkpoint ${checkpoint}`);
    }
    if (again) record.backOff(WHOLE_POD, clock.now());
    try {
      const opened = newest?.opened ?? (await checkpoints.open(pod, checkpoint, signal));
      const run = await this.#prepare(pod, signal);
      await opened.fillVolumes(emptyDirsOf(run), signal);
      const milliseconds = await this.#restoreInTime(run, opened, signal);
      record.markRestored();
      this.#event(pod, 'Normal', 'Restored', `Restored from checkpoint ${checkpoint} in ${milliseconds} ms`);
      if (!again) {
        await checkpoints.restored(pod, checkpoint, milliseconds);
        record.restoreReported = true;
      }
    } catch (error) {
      if (record.restored === 'yes' && record.created) throw error; // it runs; only the report of it failed
      if (!isPodFailure(error)) throw error;
      const message = adviceOf(error);
      if (error.code !== 'RestoreRefused') await checkpoints.restoreFailed(pod, checkpoint, message, signal);
      this.#event(pod, 'Warning', 'RestoreFailed', `Restore from checkpoint ${checkpoint} failed: ${message}`);
      if (again) {
        const wait = record.restoreBackoff?.delayMilliseconds ?? MISSING_RETRY_MILLISECONDS;
        record.recordProblem({ reason: 'RestoreError', message }, clock.now() + wait);
        return;
      }
      await runtime.removePod(record.uid, 0, signal);
      record.failRestore(message);
    }
  }

  /** The newest checkpoint of the pod itself, if there is one; that it cannot be had is no reason not to go on from the first. */
  async #openNewest(pod: Pod, signal: AbortSignal): Promise<{ name: string; opened: OpenCheckpoint } | undefined> {
    const name = await this.#parts.checkpoints.newestOf(pod, signal);
    if (name === undefined) return undefined;
    try {
      return { name, opened: await this.#parts.checkpoints.open(pod, name, signal) };
    } catch (error) {
      if (!isPodFailure(error)) throw error;
      this.#event(pod, 'Warning', 'RestoreFailed', `Newer checkpoint ${name} cannot be had: ${adviceOf(error)}`);
      return undefined;
    }
  }

  /** Gives the milliseconds it took, without those for which it stood still until others were back. */
  async #restoreInTime(run: PodToRun, opened: OpenCheckpoint, signal: AbortSignal): Promise<number> {
    const { clock, runtime } = this.#parts;
    const ordered = clock.now();
    let held = 0;
    const overdue = new AbortController();
    const limit = RESTORE_TIMEOUT_MILLISECONDS / 1000;
    const slow = clock.setTimer(RESTORE_SLOW_MILLISECONDS, () => {
      const seconds = RESTORE_SLOW_MILLISECONDS / 1000;
      const message = `The restore has taken ${seconds} s and goes on; it is given up after ${limit} s`;
      this.#event(run.pod, 'Warning', 'RestoreSlow', message);
    });
    const timer = clock.setTimer(RESTORE_TIMEOUT_MILLISECONDS, () => overdue.abort());
    const either = AbortSignal.any([signal, overdue.signal]);
    const hold = async (): Promise<void> => {
      const back = clock.now();
      slow.cancel();
      await opened.hold?.(either);
      held += clock.now() - back;
    };
    try {
      const onLoss = (what: string): void => this.#event(run.pod, 'Warning', 'ConnectionsLost', what);
      const whole = opened.hold !== undefined && { hold };
      await runtime.restorePod(run, opened.directory, { signal: either, onLoss, ...whole });
      return clock.now() - ordered - held;
    } catch (error) {
      if (!overdue.signal.aborted || signal.aborted) throw error;
      const { namespace, name } = run.pod.metadata;
      throw new FermataError(
        'RestoreFailed',
        `pod ${namespace}/${name}: the restore took longer than ${limit} s and was given up`,
        { cause: error, nextStep: 'it is tried again, elsewhere where possible; look at the load of the node' },
      );
    } finally {
      slow.cancel();
      timer.cancel();
    }
  }

  async #prepare(pod: Pod, signal: AbortSignal): Promise<PodToRun> {
    const { store, node, volumes } = this.#parts;
    const references = await fetchReferences(store, pod, signal);
    const resolved = resolveEnvironment(pod, references, node);
    const files = new Map<string, readonly VolumeFile[]>();
    for (const volume of pod.spec.volumes ?? []) {
      const content = volumeFiles(pod, volume, references, node);
      if (content !== undefined) files.set(volume.name, content);
    }
    return { ...resolved, volumes: await volumes.prepare(pod, files) };
  }

  #recordProblem(record: PodRecord, pod: Pod, error: FermataError): void {
    const now = this.#parts.clock.now();
    const message = adviceOf(error);
    if (error.code === 'VolumeMissing') {
      this.#event(pod, 'Warning', 'FailedMount', message);
      record.recordProblem({ reason: 'ContainerCreating', message }, now + MISSING_RETRY_MILLISECONDS);
      return;
    }
    if (error.code === 'ContainerConfigInvalid') {
      this.#event(pod, 'Warning', 'Failed', `Error: ${message}`);
      const problem = { reason: 'CreateContainerConfigError', message, ...containersIn(pod, message) };
      record.recordProblem(problem, now + MISSING_RETRY_MILLISECONDS);
      return;
    }
    const repeated = record.backoffs.has(WHOLE_POD);
    const wait = record.backOff(WHOLE_POD, now);
    if (error.code === 'ImageNotFound') {
      this.#event(pod, 'Warning', 'Failed', `Failed to pull image: ${message}`);
      this.#event(pod, 'Warning', 'Failed', 'Error: ErrImagePull');
      record.recordProblem(imageProblem(pod, message, repeated), now + wait);
    } else {
      this.#event(pod, 'Warning', 'Failed', `Error: ${message}`);
      record.recordProblem({ reason: 'CreateContainerError', message }, now + wait);
    }
  }

  #event(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#parts.events.record(pod, type, reason, message);
  }
}

function isPodFailure(error: unknown): error is FermataError {
  return error instanceof FermataError && POD_FAILURES.has(error.code);
}

function imageProblem(pod: Pod, message: string, repeated: boolean): Problem {
  const affected = allContainers(pod).filter((container) => message.includes(container.image ?? '\0'));
  const names = affected.map((container) => container.name);
  return {
    reason: repeated ? 'ImagePullBackOff' : 'ErrImagePull',
    message: repeated ? `Back-off pulling image: ${message}` : message,
    ...(names.length === 0 ? {} : { containers: names }),
  };
}

/** `container NAME: …` is how a configuration error says whose it is. */
function containersIn(pod: Pod, message: string): { containers?: readonly string[] } {
  const names = allContainers(pod)
    .map((container) => container.name)
    .filter((name) => message.startsWith(`container ${name}: `));
  return names.length === 0 ? {} : { containers: names };
}

function allContainers(pod: Pod): Container[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
}

function emptyDirsOf(run: PodToRun): Record<string, string> {
  const folders: Record<string, string> = {};
  for (const volume of run.pod.spec.volumes ?? []) {
    const folder = run.volumes[volume.name];
    if (volume.emptyDir !== undefined && folder !== undefined) folders[volume.name] = folder;
  }
  return folders;
}
