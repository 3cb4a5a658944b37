import { FermataError, originalImages, type Pod } from '../../model/index.ts';
import type { CheckpointOptions } from '../runtime.ts';
import type { HostProcess } from './host-processes.ts';
import { idOf, statusesOf } from './observation.ts';

/** One container of a pod that is to be dumped. */
export interface DumpTarget {
  namespace: string;
  pod: string;
  name: string;
  id: string;
  image: string;
}

/**
 * Pure: the containers to dump, every one that runs. Throws FermataError `PodNotRunning`, and `CheckpointUnsupported` for a pod of
 * which a container has ended while others run: after the restore the kubelet would run that one again.
 */
export function targetsOf(uid: string, pod: Pod | undefined, processes: readonly HostProcess[]): DumpTarget[] {
  const alive = new Set(processes.flatMap(({ podUid, containerId }) => (podUid === uid ? (containerId ?? []) : [])));
  const running = pod === undefined ? [] : statusesOf(pod).filter((status) => alive.has(idOf(status)));
  if (pod === undefined || running.length === 0) {
    throw new FermataError('PodNotRunning', `Pod ${uid} has no running container to dump`, {
      nextStep: 'Checkpoint it while it runs.',
    });
  }
  const { namespace = '', name } = pod.metadata;
  const ended = pod.spec.containers.find((container) => !running.some((status) => status.name === container.name));
  if (ended !== undefined) {
    throw new FermataError(
      'CheckpointUnsupported',
      `container ${ended.name} of pod ${namespace}/${name} does not run: after a restore the kubelet would start it from its image`,
      { nextStep: 'checkpoint the pod while all of its containers run' },
    );
  }
  return running.map((status) => ({
    namespace,
    pod: name,
    name: status.name,
    id: idOf(status),
    image: imageOf(pod, status.name),
  }));
}

/** A container that is to run on, alone, needs no holding: what it does after its dump is lost with no restore from it. */
export function isToBeHeld(
  { leaveRunning, decide }: Pick<CheckpointOptions, 'leaveRunning' | 'decide'>,
  targets: readonly DumpTarget[],
): boolean {
  return !leaveRunning || decide !== undefined || targets.length > 1;
}

function imageOf(pod: Pod, container: string): string {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  return originalImages(pod)[container]?.image ?? all.find(({ name }) => name === container)?.image ?? '';
}
