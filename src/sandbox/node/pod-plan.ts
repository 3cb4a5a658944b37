import type { Pod } from '../../model/index.ts';
import type { PodObservation } from '../../runtime/index.ts';
import { backoffUntil } from './backoff.ts';
import {
  appViews,
  type ContainerView,
  failedInit,
  initViews,
  isFinished,
  isInitialized,
  isSidecar,
  isTerminal,
  isToRestart,
  type PodState,
  restartAt,
  restoreFrom,
  type Verdict,
  WHOLE_POD,
} from './pod-state.ts';

/**
 * What to do next for one pod that is not being deleted. `at`: look again then, at the latest (ms since the epoch).
 * - `create`: make namespaces and containers (idempotent).
 * - `restore`: bring the pod to life from its checkpoint; `again` when it ran before and crashed.
 * - `start`: start these containers; those that ran before are restarts.
 * - `clear`: remove what the runtime has of the pod (`graceful`: with its grace period); it is restored, or over, afterwards.
 */
export type PodPlan =
  | { action: 'none'; at?: number }
  | { action: 'create' }
  | { action: 'restore'; again: boolean }
  | { action: 'start'; containers: readonly string[] }
  | { action: 'clear'; why: string; graceful: boolean; verdict?: Verdict };

/** Pure: the same pod, observation, state and time give the same step. */
export function planPod(pod: Pod, observed: PodObservation | undefined, state: PodState, now: number): PodPlan {
  const apps = appViews(pod, observed, state);
  const inits = initViews(pod, observed, state);
  const running = [...inits, ...apps].some((view) => view.state === 'running');
  if (isTerminal(pod) || state.verdict !== undefined) {
    return running ? { action: 'clear', why: 'the pod is over', graceful: true } : { action: 'none' };
  }
  // A frozen container never runs again here: whoever ordered the dump removes the pod.
  if (observed?.containers.some((container) => container.state === 'frozen')) return { action: 'none' };

  const deadline = deadlineOf(pod, state);
  if (deadline !== undefined && now >= deadline) {
    const verdict = {
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    };
    return { action: 'clear', why: verdict.message, graceful: true, verdict };
  }
  const plan =
    restoreFrom(pod) === undefined
      ? planFresh(pod, inits, apps, observed, state, now)
      : planRestored(pod, apps, observed, state, now);
  if (plan.action !== 'none' || deadline === undefined) return plan;
  return { action: 'none', at: Math.min(plan.at ?? deadline, deadline) };
}

function deadlineOf(pod: Pod, state: PodState): number | undefined {
  const seconds = pod.spec.activeDeadlineSeconds;
  return seconds === undefined ? undefined : state.startTime + seconds * 1000;
}

function planFresh(
  pod: Pod,
  inits: readonly ContainerView[],
  apps: readonly ContainerView[],
  observed: PodObservation | undefined,
  state: PodState,
  now: number,
): PodPlan {
  if (failedInit(pod, inits) !== undefined) return { action: 'none' };
  if (isFinished(pod, apps)) return ended(inits);
  const wanted = isInitialized(inits, apps) ? [...inits.filter(isSidecarView), ...apps] : upToFirstPending(inits);
  const starts: string[] = [];
  let at: number | undefined;
  for (const view of wanted) {
    const kind = inits.includes(view) ? 'init' : 'app';
    if (view.state === 'absent' || view.state === 'created') starts.push(view.container.name);
    if (!isToRestart(pod, view, kind)) continue;
    const allowed = restartAt(view, state, now);
    if (now >= allowed) starts.push(view.container.name);
    else at = Math.min(at ?? allowed, allowed);
  }
  if (starts.length > 0 && needsCreation(pod, observed, state)) {
    if (state.retryAt !== undefined && now < state.retryAt) return { action: 'none', at: state.retryAt };
    return { action: 'create' };
  }
  if (starts.length > 0) return { action: 'start', containers: starts };
  return at === undefined ? { action: 'none' } : { action: 'none', at };
}

function isSidecarView(view: ContainerView): boolean {
  return isSidecar(view.container);
}

/** Sidecars started so far, and the first init container that has not done its part. */
function upToFirstPending(inits: readonly ContainerView[]): ContainerView[] {
  const wanted: ContainerView[] = [];
  for (const view of inits) {
    if (isSidecar(view.container)) {
      wanted.push(view);
      if (view.state === 'running' || view.history !== undefined) continue;
      break;
    }
    if (view.state === 'exited' && view.ended?.exitCode === 0) continue;
    wanted.push(view);
    break;
  }
  return wanted;
}

/** A crash may have cut the making of the pod: what was made but not started since is completed first. */
function needsCreation(pod: Pod, observed: PodObservation | undefined, state: PodState): boolean {
  if (observed === undefined) return true;
  const present = new Map(observed.containers.map((container) => [container.name, container.state]));
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  if (all.some((container) => !present.has(container.name))) return true;
  return !state.created && [...present.values()].includes('created');
}

function planRestored(
  pod: Pod,
  apps: readonly ContainerView[],
  observed: PodObservation | undefined,
  state: PodState,
  now: number,
): PodPlan {
  // The restore controller decides what becomes of it: another node, another time.
  if (state.restored === 'failed') return { action: 'none' };
  if (state.restored === 'no') {
    // One that was cut off and may still be under way is joined: only the runtime knows whether processes run already.
    if (observed?.containers.some((container) => container.state === 'exited' && container.endedBeforeDump !== true)) {
      return { action: 'clear', why: 'a restore was cut off before it was complete', graceful: false };
    }
    return { action: 'restore', again: false };
  }
  const backoff = state.backoffs.get(WHOLE_POD);
  // Absent: it ran once, but a status that was overwritten (by a restore that failed) tells nothing of that any more.
  const lost = observed === undefined && apps.some((view) => view.lost || view.state === 'absent');
  // A later restore was cut off with the process that had ordered it, and may still be under way: it is joined.
  const restored = apps.filter((view) => view.seen?.endedBeforeDump !== true);
  const unfinished = observed !== undefined && restored.every((view) => view.seen?.state === 'created');
  if (!lost && !unfinished && isFinished(pod, apps)) return { action: 'none' };
  const failed = apps.filter((view) => isToRestart(pod, view, 'app'));
  const crashed = failed.filter((view) => view.seen?.endedBeforeDump !== true);
  const mayBeginAnew = crashed.length === 0 || state.imagePolicy !== undefined;
  if (mayBeginAnew && !lost && !unfinished) return planAnew(failed, state, now);
  // From its image it would begin anew, and what the checkpoint holds would be lost without a word.
  const failedAt =
    crashed.length === 0 || lost
      ? (backoff?.updatedAt ?? 0)
      : Math.max(...crashed.map((view) => view.ended?.finishedAt ?? 0));
  const allowed = Math.max(backoffUntil(backoff, failedAt), state.retryAt ?? 0);
  if (now < allowed) return { action: 'none', at: allowed };
  if (observed !== undefined && !unfinished)
    return {
      action: 'clear',
      why: 'a restored container ended: it goes on from its checkpoint again',
      graceful: false,
    };
  return { action: 'restore', again: true };
}

/**
 * What had ended before the dump has nothing in the checkpoint to go back to, and what crashes under a policy that says so is not to go
 * back: it starts anew, and the others run on.
 */
function planAnew(failed: readonly ContainerView[], state: PodState, now: number): PodPlan {
  const due = failed.filter((view) => restartAt(view, state, now) <= now);
  if (due.length > 0) return { action: 'start', containers: due.map(({ container }) => container.name) };
  if (failed.length === 0) return { action: 'none' };
  return { action: 'none', at: Math.min(...failed.map((view) => restartAt(view, state, now))) };
}

/** Nothing is to run any more; sidecars do not outlive the containers they serve. */
function ended(inits: readonly ContainerView[]): PodPlan {
  const sidecar = inits.some((view) => isSidecarView(view) && view.state === 'running');
  return sidecar
    ? { action: 'clear', why: 'all containers but sidecars have ended', graceful: true }
    : { action: 'none' };
}
