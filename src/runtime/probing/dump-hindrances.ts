import type { Pod } from '../../model/index.ts';
import { processesOf } from './container-processes.ts';
import { acceleratorHindrance, devicePlugins } from './device-plugins.ts';
import { type DumpHindrance, hindranceOf } from './dump-hindrance.ts';

/**
 * What in the pods' running processes CRIU cannot dump, by pod UID; a pod of which nothing is known has no entry. Reads `/proc`
 * once for all of them and disturbs nobody.
 *
 * @param root where this process sees the node's `/`
 */
export function dumpHindrances(
  pods: readonly Pod[],
  { root = '/', proc = '/proc' }: { root?: string; proc?: string } = {},
): Map<string, DumpHindrance> {
  const plugins = devicePlugins(root);
  const processes = processesOf(new Set(pods.flatMap((pod) => containersOf(pod).map(({ id }) => id))), proc);
  const found = new Map<string, DumpHindrance>();
  for (const pod of pods) {
    let hindrance = acceleratorHindrance(pod, plugins);
    for (const { name, id } of containersOf(pod)) hindrance ??= hindranceOf(name, processes.get(id) ?? [], plugins);
    if (hindrance !== undefined) found.set(pod.metadata.uid, hindrance);
  }
  return found;
}

function containersOf({ status }: Pod): { name: string; id: string }[] {
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return statuses.flatMap(({ name, state, containerID }) => {
    if (state?.running === undefined || containerID === undefined) return [];
    // `containerd://<id>`, or the id alone.
    return [{ name, id: containerID.split('://').at(-1) ?? '' }];
  });
}
