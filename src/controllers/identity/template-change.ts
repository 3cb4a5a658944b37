import type { Pod, PodCheckpoint, PodSpec } from '../../model/index.ts';
import { type PodMetadata, replacingController } from './slot.ts';

/** Name the version of its template that a controller made a pod of. */
const TEMPLATE_HASHES = ['controller-revision-hash', 'pod-template-hash'];

/**
 * What tells the pod from the one that was checkpointed, so that memory of the one must not be put under the other; undefined:
 * it is the same program. A controller's own hash decides where there is one. A Job's template cannot change. Else image,
 * command and arguments of each container count; containers that were injected count for nothing: other webhooks may add
 * theirs after this one.
 */
export function templateChange(checkpoint: PodCheckpoint, pod: Pick<Pod, 'spec'> & { metadata: PodMetadata }) {
  const template = checkpoint.status?.checkpointedPodTemplate;
  const recorded = (template?.metadata ?? {}) as PodMetadata;
  for (const label of TEMPLATE_HASHES) {
    const [before, after] = [recorded.labels?.[label], pod.metadata.labels?.[label]];
    if (before === undefined || after === undefined) continue;
    return before === after ? undefined : `${label} was ${before} and is ${after}`;
  }
  if (replacingController(pod.metadata)?.kind === 'Job') return undefined;
  return containerChange(template?.spec as PodSpec | undefined, pod.spec);
}

function containerChange(before: PodSpec | undefined, after: PodSpec): string | undefined {
  for (const container of after.containers) {
    const known = before?.containers.find(({ name }) => name === container.name);
    if (known === undefined) return `container ${container.name} is new`;
    for (const field of ['image', 'command', 'args'] as const) {
      const [one, other] = [JSON.stringify(known[field]), JSON.stringify(container[field])];
      if (one !== other) return `${field} of container ${container.name} was ${one} and is ${other}`;
    }
  }
  return undefined;
}
