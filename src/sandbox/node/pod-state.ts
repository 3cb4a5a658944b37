import type { Container, Pod } from '../../model/index.ts';
import { RESTORE_FROM_ANNOTATION } from '../../model/index.ts';
import type { ContainerObservation, PodObservation } from '../../runtime/index.ts';
import { type BackoffEntry, backoffUntil } from './backoff.ts';
import { type ContainerHistory, type Ended, endOf } from './container-history.ts';

/** Why the pod ended, or was refused, as a whole; its phase is Failed. */
export interface Verdict {
  reason: string;
  message: string;
}

/** What keeps containers from being made, in the kubelet's words. */
export interface Problem {
  /** e.g. `ErrImagePull`, `CreateContainerConfigError`. */
  reason: string;
  message: string;
  /** The containers that show it; absent: all. */
  containers?: readonly string[];
}

/** Backoff key of making or restoring the pod as a whole; containers have their names. */
export const WHOLE_POD = '';

/** What the node knows of a pod beyond its object and the runtime's observation. */
export interface PodState {
  /** ms since the epoch; when the node first saw the pod. */
  readonly startTime: number;
  readonly histories: ReadonlyMap<string, ContainerHistory>;
  /** Containers the runtime could not start, until they are tried again. */
  readonly startFailures: ReadonlyMap<string, Ended>;
  readonly backoffs: ReadonlyMap<string, BackoffEntry>;
  /** The runtime has made all containers since the node was started. */
  readonly created: boolean;
  /** Of a pod with `restore-from`: whether it was brought back to life once. */
  readonly restored: 'no' | 'yes' | 'failed';
  /** Why, when `restored` is `failed`. */
  readonly restoreFailure?: string | undefined;
  /** Name of the policy by which restored containers that crash start from their image. */
  readonly imagePolicy?: string | undefined;
  readonly problem?: Problem | undefined;
  /** When what has the problem is tried again. */
  readonly retryAt?: number | undefined;
  readonly verdict?: Verdict | undefined;
}

/** One container, from all that is known: what runs, what ran, what could not be started. */
export interface ContainerView {
  readonly container: Container;
  readonly state: 'absent' | 'created' | 'running' | 'frozen' | 'exited';
  readonly seen: ContainerObservation | undefined;
  readonly history: ContainerHistory | undefined;
  /** Set when `state` is `exited`. */
  readonly ended?: Ended;
  /** It was running when last seen and is gone, with nobody having ended it. */
  readonly lost: boolean;
}

const LOST: Ended = {
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'The container was running and is gone: the machine or its container engine went down.',
};

function viewOf(container: Container, observed: PodObservation | undefined, state: PodState): ContainerView {
  const seen = observed?.containers.find((one) => one.name === container.name);
  const history = state.histories.get(container.name);
  const base = { container, seen, history, lost: false };
  if (seen?.state === 'running' || seen?.state === 'frozen') return { ...base, state: seen.state };
  const failure = state.startFailures.get(container.name);
  if (failure !== undefined) return { ...base, state: 'exited', ended: failure };
  if (seen?.state === 'exited') return { ...base, state: 'exited', ended: endOf(seen) };
  // Not there, or there but not started, although it ran: it was lost with its machine, or removed to be restored.
  if (history?.ended !== undefined) {
    // So said by this node before it was started again.
    return { ...base, state: 'exited', ended: history.ended, lost: history.ended.reason === LOST.reason };
  }
  if (history?.startedAt !== undefined) return { ...base, state: 'exited', ended: LOST, lost: true };
  return { ...base, state: seen === undefined ? 'absent' : 'created' };
}

export function appViews(pod: Pod, observed: PodObservation | undefined, state: PodState): ContainerView[] {
  return pod.spec.containers.map((container) => viewOf(container, observed, state));
}

/** Init containers ran before the dump: a pod that comes from a checkpoint has none to run. */
export function initViews(pod: Pod, observed: PodObservation | undefined, state: PodState): ContainerView[] {
  if (restoreFrom(pod) !== undefined) return [];
  return (pod.spec.initContainers ?? []).map((container) => viewOf(container, observed, state));
}

/** Name of the PodCheckpoint this pod starts from. */
export function restoreFrom(pod: Pod): string | undefined {
  return pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION];
}

export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/**
 * Whether what the runtime shows is a pod whose restore was completed, although that was never recorded: its processes
 * run, or went on to their end. One that was cut off leaves containers that were not started, or killed ones; but what had ended
 * before the dump says nothing, however it ended, and beside a process that runs again nothing was cut off.
 */
export function looksRestored(pod: Pod, observed: PodObservation): boolean {
  const seen = pod.spec.containers.map(({ name }) => observed.containers.find((one) => one.name === name));
  if (seen.some((one) => one === undefined || one.state === 'created')) return false;
  if (seen.some((one) => one?.state === 'running')) return true;
  return seen.every(
    (one) => one?.state !== 'exited' || one.exitCode !== 137 || one.reason === 'OOMKilled' || one.endedBeforeDump,
  );
}

/** A container of a restored pod has ended, and is to run again; the machine is not what ended it. */
export function hasCrashed(pod: Pod, observed: PodObservation | undefined, state: PodState): boolean {
  if (restoreFrom(pod) === undefined || state.restored !== 'yes' || observed === undefined) return false;
  return appViews(pod, observed, state).some((view) => !view.lost && isToRestart(pod, view, 'app'));
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

function restartPolicyOf(pod: Pod): RestartPolicy {
  return (pod.spec.restartPolicy ?? 'Always') as RestartPolicy;
}

/** Whether a container that exited is to run again. */
export function isToRestart(pod: Pod, view: ContainerView, kind: 'app' | 'init'): boolean {
  if (view.state !== 'exited') return false;
  const policy = restartPolicyOf(pod);
  const failed = view.ended?.exitCode !== 0;
  if (kind === 'init') return isSidecar(view.container) || (failed && policy !== 'Never');
  return policy === 'Always' || (policy === 'OnFailure' && failed);
}

/** From when on an exited container may start again. */
export function restartAt(view: ContainerView, state: PodState, now: number): number {
  return backoffUntil(state.backoffs.get(view.container.name), view.ended?.finishedAt ?? now);
}

/** Every init container has done its part: completed, or, as a sidecar, been started. */
export function isInitialized(inits: readonly ContainerView[], apps: readonly ContainerView[]): boolean {
  if (apps.some((view) => view.state !== 'absent' && view.state !== 'created')) return true;
  return inits.every((view) =>
    isSidecar(view.container)
      ? view.state === 'running' || view.history !== undefined
      : view.state === 'exited' && view.ended?.exitCode === 0,
  );
}

/** An init container failed for good. */
export function failedInit(pod: Pod, inits: readonly ContainerView[]): ContainerView | undefined {
  return inits.find((view) => view.state === 'exited' && view.ended?.exitCode !== 0 && !isToRestart(pod, view, 'init'));
}

/** All containers have ended and none is to run again. */
export function isFinished(pod: Pod, apps: readonly ContainerView[]): boolean {
  return apps.every((view) => view.state === 'exited' && !isToRestart(pod, view, 'app'));
}

export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}
