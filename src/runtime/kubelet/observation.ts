import type { ContainerStatus, Pod } from '../../model/index.ts';
import type { ContainerObservation, PodObservation } from '../runtime.ts';
import type { HostProcess } from './host-processes.ts';

export interface ProcessesOfNode {
  processes: readonly HostProcess[];
  /** Ids of containers that the hook has stopped. */
  stopped: ReadonlySet<string>;
  memoryBytes(pid: number): number;
}

/**
 * Pure: what is on the node, by its processes. The API server knows names, images and how containers ended; whether one is there
 * is not believed of it. A pod without any process is gone.
 */
export function observe(pods: readonly Pod[], node: ProcessesOfNode): PodObservation[] {
  const uids = new Set(node.processes.map(({ podUid }) => podUid));
  return [...uids].map((uid) => {
    const pod = pods.find(({ metadata }) => metadata.uid === uid);
    const own = node.processes.filter(({ podUid }) => podUid === uid);
    if (pod === undefined) return { uid, namespace: '', name: '', containers: nameless(own, node) };
    const { namespace = '', name } = pod.metadata;
    const podIP = pod.status?.podIP;
    return {
      uid,
      namespace,
      name,
      ...(podIP === undefined ? {} : { podIP }),
      containers: statusesOf(pod).map((status) => containerOf(pod, status, own, node)),
    };
  });
}

/** `containerd://<id>` as the API has it. */
export function idOf(status: ContainerStatus): string {
  return (status.containerID ?? '').split('://')[1] ?? '';
}

export function statusesOf(pod: Pod): ContainerStatus[] {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
}

function containerOf(
  pod: Pod,
  status: ContainerStatus,
  processes: readonly HostProcess[],
  node: ProcessesOfNode,
): ContainerObservation {
  const id = idOf(status);
  const own = processes.filter(({ containerId }) => containerId === id);
  const spec = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find(({ name }) => name === status.name);
  const base = { name: status.name, id: status.containerID ?? '', image: spec?.image ?? status.image ?? '' };
  if (own.length > 0) {
    const memoryBytes = own.reduce((sum, { pid }) => sum + node.memoryBytes(pid), 0);
    return { ...base, state: node.stopped.has(id) ? 'frozen' : 'running', memoryBytes };
  }
  const exitCode = status.state?.terminated?.exitCode;
  if (status.state?.waiting !== undefined) return { ...base, state: 'created' };
  return { ...base, state: 'exited', ...(exitCode === undefined ? {} : { exitCode }) };
}

/** Of a pod that the API server has forgotten. */
function nameless(processes: readonly HostProcess[], node: ProcessesOfNode): ContainerObservation[] {
  const ids = new Set(processes.flatMap(({ containerId }) => containerId ?? []));
  return [...ids].map((id) => ({ name: id, id, image: '', state: node.stopped.has(id) ? 'frozen' : 'running' }));
}
