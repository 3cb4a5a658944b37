import { type ContainerStatus, type Pod, RESTORE_FROM_ANNOTATION, restoreImageUid } from '../../model/index.ts';

export type RestoreOutcome = { state: 'waiting' } | { state: 'restored' } | { state: 'failed'; message: string };

/** Reasons of a waiting container with which the kubelet says that a start failed (pkg/kubelet/images, kuberuntime). */
const FAILURES = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ImageInspectError',
  'InvalidImageName',
  'CreateContainerError',
  'CreateContainerConfigError',
  'RunContainerError',
]);
/** Reasons of an ended container that never ran. */
const NEVER_RAN = new Set(['StartError', 'ContainerCannotRun']);

/** The checkpoint that the kubelet is to restore this pod from; undefined: none, or somebody else's business. */
export function restoreOf(pod: Pod, registry: string): string | undefined {
  const isOurs = pod.spec.containers.some(({ image = '' }) => image.startsWith(`${registry}/`));
  return isOurs ? pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] : undefined;
}

/** Names of the containers that come back from a checkpoint, sidecars among them. */
export function restoredContainers({ spec }: Pod): string[] {
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  return all.filter(({ image = '' }) => restoreImageUid(image) !== undefined).map(({ name }) => name);
}

/** Pure: how far the kubelet has come with a pod that it restores, by what it says of the containers. */
export function restoreOutcome(pod: Pod): RestoreOutcome {
  const statuses = pod.status?.containerStatuses ?? [];
  for (const status of statuses) {
    const message = failureOf(status);
    if (message !== undefined) return { state: 'failed', message: `container ${status.name}: ${message}` };
  }
  const hasRun = ({ state }: ContainerStatus): boolean =>
    state?.running !== undefined || state?.terminated !== undefined;
  const all = pod.spec.containers.every(({ name }) =>
    statuses.some((status) => status.name === name && hasRun(status)),
  );
  return all ? { state: 'restored' } : { state: 'waiting' };
}

function failureOf({ state, lastState }: ContainerStatus): string | undefined {
  const waiting = state?.waiting;
  if (waiting?.reason !== undefined && FAILURES.has(waiting.reason))
    return `${waiting.reason}: ${waiting.message ?? ''}`;
  for (const ended of [state?.terminated, lastState?.terminated]) {
    if (ended?.reason !== undefined && NEVER_RAN.has(ended.reason)) return `${ended.reason}: ${ended.message ?? ''}`;
  }
  return undefined;
}
