import { rfc3339 } from '../../clock/index.ts';
import {
  type Condition,
  type ContainerStatus,
  isConditionTrue,
  type Pod,
  type PodPhase,
  type PodStatus,
  RESTORED_CONDITION,
  withCondition,
} from '../../model/index.ts';
import type { PodObservation } from '../../runtime/index.ts';
import type { Ended } from './container-history.ts';
import { HOST_IP } from './defaults.ts';
import {
  appViews,
  type ContainerView,
  failedInit,
  initViews,
  isFinished,
  isInitialized,
  isTerminal,
  isToRestart,
  type PodState,
  restartAt,
  restoreFrom,
} from './pod-state.ts';

/**
 * The pod's status as the node sees it, on top of what others wrote into it (PodScheduled, nominatedNodeName). Probes are
 * not run in this version: a container is ready while it runs. Pure.
 */
export function podStatus(pod: Pod, observed: PodObservation | undefined, state: PodState, now: number): PodStatus {
  const apps = appViews(pod, observed, state);
  const inits = initViews(pod, observed, state);
  const initialized = isInitialized(inits, apps);
  const phase = phaseOf(pod, inits, apps, initialized, state);
  const waitingReason = initialized ? 'ContainerCreating' : 'PodInitializing';
  const containerStatuses = apps.map((view) => containerStatus(pod, view, 'app', waitingReason, state, now));
  const initStatuses = inits.map((view) => containerStatus(pod, view, 'init', waitingReason, state, now));
  const podIP = observed?.podIP;
  const { reason: _reason, message: _message, ...current } = pod.status ?? {};
  // While a pod waits, others may say why (Suspended); once it runs, nothing of that is true any more.
  const why = state.verdict ?? (phase === 'Pending' || isTerminal(pod) ? reasonIn(pod) : {});
  return {
    ...current,
    ...why,
    phase,
    startTime: pod.status?.startTime ?? rfc3339(state.startTime),
    hostIP: HOST_IP,
    hostIPs: [{ ip: HOST_IP }],
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    containerStatuses,
    conditions: conditions(pod, observed, state, { phase, initialized, inits, apps, now }),
  };
}

function reasonIn(pod: Pod): { reason?: string; message?: string } {
  const { reason, message } = pod.status ?? {};
  return { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) };
}

function phaseOf(
  pod: Pod,
  inits: readonly ContainerView[],
  apps: readonly ContainerView[],
  initialized: boolean,
  state: PodState,
): PodPhase {
  // A terminal phase is final (Kubernetes API: phase never goes back).
  if (isTerminal(pod)) return pod.status?.phase ?? 'Failed';
  if (state.verdict !== undefined || failedInit(pod, inits) !== undefined) return 'Failed';
  const restoring = restoreFrom(pod) !== undefined && state.restored !== 'yes';
  if (restoring || !initialized) return 'Pending';
  const lostRestored = restoreFrom(pod) !== undefined && apps.some((view) => view.lost);
  if (isFinished(pod, apps) && !lostRestored) {
    return apps.every((view) => view.ended?.exitCode === 0) ? 'Succeeded' : 'Failed';
  }
  return apps.some((view) => view.state === 'absent' || view.state === 'created') ? 'Pending' : 'Running';
}

function containerStatus(
  pod: Pod,
  view: ContainerView,
  kind: 'app' | 'init',
  waitingReason: string,
  state: PodState,
  now: number,
): ContainerStatus {
  const { container, seen, history } = view;
  const running = view.state === 'running';
  const common = {
    name: container.name,
    image: seen?.image ?? container.image ?? '',
    imageID: seen?.imageID ?? '',
    ...(seen === undefined ? {} : { containerID: seen.id }),
    ready: running || (kind === 'init' && view.ended?.exitCode === 0),
    started: running,
    restartCount: history?.restartCount ?? 0,
  };
  const last = history?.previous;
  const lastState = last === undefined ? {} : { lastState: { terminated: terminated(last, seen?.id) } };
  if (view.state === 'running') {
    const startedAt = seen?.startedAt ?? history?.startedAt ?? now;
    return { ...common, state: { running: { startedAt: rfc3339(startedAt) } }, ...lastState };
  }
  if (view.state === 'frozen') {
    const waiting = { reason: 'Checkpointed', message: 'stopped by a dump; it goes on only where it is restored' };
    return { ...common, state: { waiting }, ...lastState };
  }
  const problem = problemOf(view, state);
  if (view.state === 'exited') {
    const end = view.ended ?? { exitCode: 255, reason: 'Unknown' };
    const again = state.verdict === undefined && !isTerminal(pod) && isToRestart(pod, view, kind);
    const ended = { terminated: terminated(end, seen?.id) };
    if (again && problem !== undefined) return { ...common, state: { waiting: problem }, lastState: ended };
    if (!again || now >= restartAt(view, state, now)) return { ...common, state: ended, ...lastState };
    const delay = Math.round((state.backoffs.get(container.name)?.delayMilliseconds ?? 0) / 1000);
    const waiting = {
      reason: 'CrashLoopBackOff',
      message: `back-off ${delay}s restarting failed container=${container.name} pod=${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid})`,
    };
    return { ...common, state: { waiting }, lastState: ended };
  }
  return { ...common, state: { waiting: problem ?? { reason: waitingReason } }, ...lastState };
}

function problemOf(view: ContainerView, state: PodState): { reason: string; message: string } | undefined {
  const { problem, restoreFailure } = state;
  if (restoreFailure !== undefined) return { reason: 'RestoreError', message: restoreFailure };
  if (problem === undefined) return undefined;
  if (problem.containers !== undefined && !problem.containers.includes(view.container.name)) return undefined;
  return { reason: problem.reason, message: problem.message };
}

function terminated(end: Ended, containerID: string | undefined) {
  return {
    exitCode: end.exitCode,
    reason: end.reason,
    ...(end.message === undefined ? {} : { message: end.message }),
    ...(end.startedAt === undefined ? {} : { startedAt: rfc3339(end.startedAt) }),
    ...(end.finishedAt === undefined ? {} : { finishedAt: rfc3339(end.finishedAt) }),
    ...(containerID === undefined ? {} : { containerID }),
  };
}

interface Outcome {
  phase: PodPhase;
  initialized: boolean;
  inits: readonly ContainerView[];
  apps: readonly ContainerView[];
  now: number;
}

function conditions(pod: Pod, observed: PodObservation | undefined, state: PodState, outcome: Outcome): Condition[] {
  const { phase, initialized, inits, apps, now } = outcome;
  const time = rfc3339(now);
  const notReady = apps.filter((view) => view.state !== 'running').map((view) => view.container.name);
  const pending = inits.filter((view) => view.ended?.exitCode !== 0).map((view) => view.container.name);
  const over = phase === 'Succeeded' ? 'PodCompleted' : phase === 'Failed' ? 'PodFailed' : undefined;
  const ready: Omit<Condition, 'type'> =
    over !== undefined
      ? { status: 'False', reason: over }
      : phase === 'Running' && notReady.length === 0
        ? { status: 'True' }
        : {
            status: 'False',
            reason: 'ContainersNotReady',
            message: `containers with unready status: [${notReady.join(' ')}]`,
          };
  const gates = (pod.spec.readinessGates ?? []).filter(
    (gate) => !isConditionTrue(pod.status?.conditions, gate.conditionType),
  );
  const gated: Omit<Condition, 'type'> =
    ready.status === 'True' && gates.length > 0
      ? { status: 'False', reason: 'ReadinessGatesNotReady', message: 'readiness gates are not all True' }
      : ready;
  const own: Condition[] = [
    { type: 'PodReadyToStartContainers', status: observed === undefined ? 'False' : 'True' },
    initialized || over !== undefined
      ? { type: 'Initialized', status: initialized ? 'True' : 'False', ...(over === undefined ? {} : { reason: over }) }
      : {
          type: 'Initialized',
          status: 'False',
          reason: 'ContainersNotInitialized',
          message: `containers with incomplete status: [${pending.join(' ')}]`,
        },
    { type: 'Ready', ...gated },
    { type: 'ContainersReady', ...ready },
  ];
  const checkpoint = restoreFrom(pod);
  if (checkpoint !== undefined && state.restored === 'yes') {
    own.push({
      type: RESTORED_CONDITION,
      status: 'True',
      reason: 'Restored',
      message: `from checkpoint ${checkpoint}`,
    });
  } else if (checkpoint !== undefined && state.restored === 'failed') {
    own.push({
      type: RESTORED_CONDITION,
      status: 'False',
      reason: 'RestoreFailed',
      message: state.restoreFailure ?? `checkpoint ${checkpoint} could not be restored`,
    });
  }
  let all: Condition[] = [...(pod.status?.conditions ?? [])];
  if (!all.some((condition) => condition.type === 'PodScheduled'))
    own.unshift({ type: 'PodScheduled', status: 'True' });
  for (const condition of own) all = withCondition(all, condition, time);
  return all;
}
