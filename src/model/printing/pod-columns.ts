import type { ContainerState, ContainerStatus, Pod } from '../core.ts';
import { conditionOf, isConditionTrue } from '../meta.ts';
import { AGE_COLUMN, ageOf, column, NAME_COLUMN, orNone, type PrinterColumn, wideColumn } from './column.ts';

export const POD_COLUMNS: readonly PrinterColumn<Pod>[] = [
  NAME_COLUMN,
  column('Ready', 'Containers that are ready, of all.', (pod) => {
    const { ready, total } = summaryOf(pod);
    return `${ready}/${total}`;
  }),
  column('Status', 'What the pod does, or what keeps it.', podStatusText),
  column('Restarts', 'How often its containers were restarted, and when last.', (pod, now) => {
    const { restarts, lastRestart } = summaryOf(pod);
    return restarts === 0 || lastRestart === undefined
      ? String(restarts)
      : `${restarts} (${ageOf(new Date(lastRestart).toISOString(), now)} ago)`;
  }),
  AGE_COLUMN,
  wideColumn('IP', 'Address of the pod.', ({ status }) => orNone(status?.podIPs?.[0]?.ip ?? status?.podIP)),
  wideColumn('Node', 'Node it is bound to.', ({ spec }) => orNone(spec.nodeName)),
  wideColumn('Nominated Node', 'Node on which room is made for it.', ({ status }) => orNone(status?.nominatedNodeName)),
  wideColumn('Readiness Gates', 'Readiness gates that are true, of all.', ({ spec, status }) => {
    const gates = spec.readinessGates ?? [];
    if (gates.length === 0) return '<none>';
    const open = gates.filter(({ conditionType }) => isConditionTrue(status?.conditions, conditionType));
    return `${open.length}/${gates.length}`;
  }),
];

/** The text of kubectl's STATUS column: `Running`, `Init:0/2`, `ImagePullBackOff`, `Terminating`, `Suspended` … */
export function podStatusText(pod: Pod): string {
  return summaryOf(pod).status;
}

interface PodSummary {
  status: string;
  ready: number;
  total: number;
  restarts: number;
  /** ms since the epoch. */
  lastRestart: number | undefined;
}

/**
 * Follows `printPod` of kube-apiserver (pkg/printers/internalversion/printers.go), but for one thing: a reason in the
 * pod's status (such as `Suspended`) is not hidden behind `SchedulingGated`, because it says more.
 */
function summaryOf(pod: Pod): PodSummary {
  const { spec, status } = pod;
  const sidecars = new Set(
    (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  );
  const init = initSummaryOf(pod, sidecars);
  const summary: PodSummary = {
    status: init.status ?? reasonOf(pod),
    ready: init.ready,
    total: spec.containers.length + sidecars.size,
    restarts: sum(status?.initContainerStatuses),
    lastRestart: latestRestart(status?.initContainerStatuses),
  };
  if (init.status === undefined || isConditionTrue(status?.conditions, 'Initialized')) {
    addMainContainers(pod, summary, sidecars);
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status?.reason === 'NodeLost') summary.status = 'Unknown';
    else if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') summary.status = 'Terminating';
  }
  return summary;
}

function reasonOf({ status }: Pod): string {
  if (status?.reason !== undefined && status.reason !== '') return status.reason;
  const scheduled = conditionOf(status?.conditions, 'PodScheduled');
  if (scheduled?.reason === 'SchedulingGated') return 'SchedulingGated';
  return status?.phase ?? 'Unknown';
}

/** The first init container that is not through decides. `status` is undefined when all are. */
function initSummaryOf(pod: Pod, sidecars: ReadonlySet<string>): { status: string | undefined; ready: number } {
  let ready = 0;
  for (const [index, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecars.has(container.name) && container.started === true) {
      if (container.ready) ready += 1;
      continue;
    }
    if (terminated !== undefined) return { status: `Init:${endOf(terminated)}`, ready };
    if (waiting?.reason !== undefined && waiting.reason !== '' && waiting.reason !== 'PodInitializing') {
      return { status: `Init:${waiting.reason}`, ready };
    }
    return { status: `Init:${index}/${pod.spec.initContainers?.length ?? 0}`, ready };
  }
  return { status: undefined, ready };
}

function addMainContainers(pod: Pod, summary: PodSummary, sidecars: ReadonlySet<string>): void {
  const { status } = pod;
  const restarted = (status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name));
  const containers = status?.containerStatuses ?? [];
  summary.restarts = sum(restarted) + sum(containers);
  summary.lastRestart = latestRestart([...restarted, ...containers]);
  let running = false;
  for (const container of containers.toReversed()) {
    const { waiting, terminated, running: runs } = container.state ?? {};
    if (waiting?.reason !== undefined && waiting.reason !== '') summary.status = waiting.reason;
    else if (terminated !== undefined) summary.status = endOf(terminated);
    else if (container.ready && runs !== undefined) {
      running = true;
      summary.ready += 1;
    }
  }
  if (summary.status === 'Completed' && running) {
    summary.status = isConditionTrue(status?.conditions, 'Ready') ? 'Running' : 'NotReady';
  }
}

function endOf({ reason, signal, exitCode }: NonNullable<ContainerState['terminated']>): string {
  if (reason !== undefined && reason !== '') return reason;
  return signal === undefined || signal === 0 ? `ExitCode:${exitCode}` : `Signal:${signal}`;
}

function sum(statuses: readonly ContainerStatus[] | undefined): number {
  return (statuses ?? []).reduce((total, { restartCount }) => total + (restartCount ?? 0), 0);
}

function latestRestart(statuses: readonly ContainerStatus[] | undefined): number | undefined {
  const times = (statuses ?? [])
    .map(({ lastState }) => Date.parse(lastState?.terminated?.finishedAt ?? ''))
    .filter((time) => !Number.isNaN(time));
  return times.length === 0 ? undefined : Math.max(...times);
}
