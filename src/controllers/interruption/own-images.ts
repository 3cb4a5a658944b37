import { type EventRecorder, isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import {
  type Container,
  type ContainerStatus,
  DEFAULT_POLICY_NAMESPACE,
  INTERRUPTION_POLICIES,
  type InterruptionPolicy,
  isConditionTrue,
  mostSpecificFirst,
  originalImages,
  PODS,
  type Pod,
  policyThatHolds,
  RESTORED_CONDITION,
  restoreImageUid,
} from '../../model/index.ts';

/**
 * Of a pod that a kubelet restored: containers that have crashed since and that their policy does not want to go back get their own
 * images again, which of a pod that runs may be written. Their next start is from there; until then their node's agent gives them nothing.
 */
export async function giveOwnImagesBack(
  { store, events }: { store: ObjectStore; events: EventRecorder },
  pod: Pod,
  signal: AbortSignal,
): Promise<void> {
  const images = imagesToGiveBack(pod);
  if (images.size === 0) return;
  const policy = await policyOf(store, pod, signal);
  if (policy?.spec.restartFrom !== 'Image') return;
  const { namespace, name, uid, resourceVersion } = pod.metadata;
  const own = (container: Container): Container => {
    const image = images.get(container.name);
    return image === undefined ? container : { ...container, image };
  };
  const { containers, initContainers } = pod.spec;
  const spec = { containers: containers.map(own), ...(initContainers && { initContainers: initContainers.map(own) }) };
  try {
    await store.patch(PODS, { namespace, name }, { metadata: { uid, resourceVersion }, spec }, { signal });
  } catch (error) {
    if (isApiError(error, 'NotFound', 'Conflict')) return; // gone, or its next version is on its way here
    throw error;
  }
  for (const container of images.keys()) {
    const message = `container ${container} starts again from its image, as policy ${policy.metadata.name} says: all that it did is lost`;
    events.record(pod, 'Warning', 'StartsFromImage', message);
  }
}

/** Pure: by container, the image that it ran before its checkpoint took that place. Only of those that wait to be started again. */
export function imagesToGiveBack({ metadata, spec, status }: Pod): ReadonlyMap<string, string> {
  if (metadata.deletionTimestamp !== undefined || !isConditionTrue(status?.conditions, RESTORED_CONDITION)) {
    return new Map();
  }
  const originals = originalImages({ metadata, spec });
  const waits = ({ name, state }: ContainerStatus): boolean => {
    const container = [...(spec.initContainers ?? []), ...spec.containers].find((one) => one.name === name);
    return state?.waiting !== undefined && restoreImageUid(container?.image ?? '') !== undefined;
  };
  return new Map(
    [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
      .filter(waits)
      .flatMap(({ name }) => {
        const image = originals[name]?.image;
        return image === undefined ? [] : [[name, image] as const];
      }),
  );
}

/** Asked for, not watched: containers of restored pods crash seldom. */
async function policyOf(store: ObjectStore, pod: Pod, signal: AbortSignal): Promise<InterruptionPolicy | undefined> {
  const { namespace = 'default', labels } = pod.metadata;
  const [own, system] = await Promise.all(
    [namespace, DEFAULT_POLICY_NAMESPACE].map((each) => store.list(INTERRUPTION_POLICIES, { namespace: each, signal })),
  );
  return policyThatHolds((own?.items ?? []).toSorted(mostSpecificFirst), system?.items ?? [], labels);
}
