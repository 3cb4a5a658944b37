import { type Container, FermataError, keyOf } from '../../model/index.ts';
import type { PodToRun } from '../runtime.ts';
import { containerId, type SimulatedContainer, type SimulatedPod } from './machine.ts';
import { memoryLimitOf, outputOf, programOf } from './program.ts';

/**
 * The pod with its containers made and none started. Throws FermataError `ImageNotFound`, `VolumeMissing` as a real
 * runtime would.
 */
export function newPod(toRun: PodToRun, hasImage: (image: string) => boolean): SimulatedPod {
  const { pod } = toRun;
  const make = (container: Container, init: boolean): SimulatedContainer => {
    const image = container.image ?? '';
    if (!hasImage(image)) {
      throw new FermataError('ImageNotFound', `pod ${keyOf(pod)}: there is no image ${image}`, {
        nextStep: 'Check the name of the image.',
      });
    }
    for (const { name } of container.volumeMounts ?? []) {
      if (toRun.volumes[name] !== undefined) continue;
      throw new FermataError(
        'VolumeMissing',
        `pod ${keyOf(pod)}: container ${container.name} mounts no such volume: ${name}`,
      );
    }
    const memoryLimitBytes = memoryLimitOf(container);
    const output = outputOf(toRun, container);
    return {
      name: container.name,
      image,
      id: containerId(pod.metadata.uid, container.name),
      init,
      program: programOf(pod, toRun.environment[container.name] ?? {}),
      state: 'created',
      ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
      ...(output === undefined ? {} : { output }),
    };
  };
  return {
    uid: pod.metadata.uid,
    namespace: pod.metadata.namespace ?? 'default',
    name: pod.metadata.name,
    containers: [
      ...(pod.spec.initContainers ?? []).map((container) => make(container, true)),
      ...pod.spec.containers.map((container) => make(container, false)),
    ],
  };
}
