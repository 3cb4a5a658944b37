import type { ContainerObservation, PodObservation } from '../runtime.ts';
import type { PodmanContainer } from './containers.ts';
import { awaitsRestore, type ContainerMarks } from './marks.ts';

export interface SeenContainer {
  container: PodmanContainer;
  marks: ContainerMarks;
  memoryBytes?: number;
  podIP?: string;
}

/** Pure: containers put together to pods, ordered by namespace and name, containers by name. */
export function observePods(seen: readonly SeenContainer[]): PodObservation[] {
  const pods = new Map<string, PodObservation>();
  for (const each of seen) {
    const { uid, namespace, pod: name } = each.container;
    const pod = pods.get(uid) ?? { uid, namespace, name, containers: [] };
    pods.set(uid, pod);
    if (each.podIP !== undefined) pod.podIP = each.podIP;
    pod.containers.push(observeContainer(each));
  }
  for (const pod of pods.values()) pod.containers.sort((one, other) => compare(one.name, other.name));
  return [...pods.values()].sort(
    (one, other) =>
      compare(one.namespace, other.namespace) || compare(one.name, other.name) || compare(one.uid, other.uid),
  );
}

export function observeContainer({ container, marks, memoryBytes }: SeenContainer): ContainerObservation {
  const id = `podman://${container.id}`;
  const { name, image, imageID, ended } = container;
  const base = { name, id, image, imageID, ...(ended !== undefined && { endedBeforeDump: true as const }) };
  if (container.status === 'created' && ended !== undefined) return { ...base, ...endedBefore(ended) };
  // A dump's frozen processes exist until they are killed behind it; they count as running until then.
  const seen = container.status === 'exited' && marks.dump !== undefined ? 'frozen' : container.status;
  const state = awaitsRestore(container, marks) ? 'created' : seen;
  const startedAt = marks.startedAt ?? container.startedAt ?? marks.restoredAt;
  if (state === 'created') return { ...base, state };
  const started = startedAt === undefined ? {} : { startedAt };
  if (state === 'running') return { ...base, state, ...started, ...(memoryBytes !== undefined && { memoryBytes }) };
  const outOfMemory = container.outOfMemory || marks.outOfMemory === true;
  return {
    ...base,
    state,
    ...started,
    ...(container.finishedAt !== undefined && { finishedAt: container.finishedAt }),
    ...(container.exitCode !== undefined && { exitCode: container.exitCode }),
    ...(outOfMemory && state === 'exited' && { reason: 'OOMKilled' }),
  };
}

/** `exitCode:startedAt:finishedAt`, as it was when the pod was dumped. */
function endedBefore(ended: string): Pick<ContainerObservation, 'state' | 'exitCode' | 'startedAt' | 'finishedAt'> {
  const [exitCode = 0, startedAt = 0, finishedAt = 0] = ended.split(':').map(Number);
  return { state: 'exited', exitCode, startedAt, finishedAt };
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
