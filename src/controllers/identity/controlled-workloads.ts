import { isApiError, type ObjectKey, type ObjectStore } from '../../kubernetes/index.ts';
import {
  AWAITS_REPLACEMENT_LABEL,
  CLAIMED_AT_ANNOTATION,
  CLAIMED_BY_ANNOTATION,
  CONTROLLER_UID_LABEL,
  HELD_ANNOTATION,
  isConditionTrue,
  isTerminal,
  JOBS,
  type KubeObject,
  NAMESPACES,
  type OwnerReference,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  RESTORE_FROM_ANNOTATION,
  type ResourceType,
  STATEFUL_SETS,
  SUSPENDED_GATE,
  WORKLOAD_LABEL,
  waitsForResume,
  workloadLabelOfCheckpoint,
} from '../../model/index.ts';
import { type Owner, whyNoReplacement } from './no-replacement.ts';
import { isAwaited } from './replacement.ts';
import { controllerOf, type PodMetadata, replacingController } from './slot.ts';

const OWNER_TYPES: Readonly<Record<string, ResourceType>> = {
  Job: JOBS,
  StatefulSet: STATEFUL_SETS,
  ReplicaSet: REPLICA_SETS,
  ReplicationController: REPLICATION_CONTROLLERS,
};

/** By these a Job knows its pods; the longer ones since Kubernetes 1.27. */
const JOB_LABELS = ['controller-uid', 'job-name', 'batch.kubernetes.io/controller-uid', 'batch.kubernetes.io/job-name'];
const JOB_FINALIZER = 'batch.kubernetes.io/job-tracking';

/** What became of the replacement of a suspended pod. */
export type Replaced = { pod: Pod } | { abandoned: string } | undefined;

/** The workloads whose controllers make the next pod themselves: what has to stand in the API before they do, and after. */
export class ControlledWorkloads {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** What any change of a checkpoint that stops its pod calls for. */
  async follow(checkpoint: PodCheckpoint, source: Pod | undefined, signal: AbortSignal): Promise<void> {
    const { namespace = 'default', labels } = checkpoint.metadata;
    if (isAwaited(checkpoint)) await this.#mark(checkpoint, source, signal);
    else if (labels?.[CONTROLLER_UID_LABEL] !== undefined) await this.#settle(namespace, signal);
  }

  /** The checkpoint names the controller of its pod, by which the webhook finds it. */
  async #mark(checkpoint: PodCheckpoint, pod: Pod | undefined, signal: AbortSignal): Promise<void> {
    const recorded = checkpoint.status?.checkpointedPodTemplate?.metadata as PodMetadata | undefined;
    const isSource = pod?.metadata.uid === (checkpoint.status?.sourcePodUID ?? checkpoint.spec.sourcePod.uid);
    const owner = controllerOf(recorded ?? (isSource ? pod?.metadata : undefined) ?? {});
    const { namespace, name, uid, labels } = checkpoint.metadata;
    if (owner === undefined || labels?.[CONTROLLER_UID_LABEL] === owner.uid) return;
    await this.#store.patch(
      POD_CHECKPOINTS,
      { namespace, name },
      { metadata: { uid, labels: { [CONTROLLER_UID_LABEL]: owner.uid } } },
      { signal },
    );
  }

  /**
   * Before a pod whose state is safe is deleted: its controller's replacement must meet the webhook, and a Job must not count
   * its pod as failed. It would, since Kubernetes 1.23 for any deleted pod (job tracking with finalizers); so the pod is let go
   * from its Job first, like one whose labels somebody changed: it is none of the Job's pods any more, and no failure.
   */
  async beforeDeletion(checkpoint: PodCheckpoint, pod: Pod, signal: AbortSignal): Promise<void> {
    const namespace = pod.metadata.namespace ?? 'default';
    const recorded = checkpoint.status?.checkpointedPodTemplate?.metadata as PodMetadata | undefined;
    if (controllerOf(recorded ?? {}) === undefined) return;
    await this.#mark(checkpoint, pod, signal);
    await this.#markNamespace(namespace, signal);
    const owner = replacingController(pod.metadata);
    if (owner?.kind !== 'Job') return;
    const { uid, name, resourceVersion, ownerReferences = [], finalizers = [] } = pod.metadata;
    await this.#store.patch(
      PODS,
      { namespace, name },
      {
        metadata: {
          uid,
          resourceVersion,
          labels: Object.fromEntries(JOB_LABELS.map((label) => [label, null])),
          ownerReferences: ownerReferences.filter((reference) => reference.uid !== owner.uid),
          finalizers: finalizers.filter((finalizer) => finalizer !== JOB_FINALIZER),
        },
      },
      { signal },
    );
  }

  /** The pod that the controller made to go on from the checkpoint, let go now that there may be room; undefined: not yet. */
  async replacementFor(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<Replaced> {
    const { namespace = 'default', name } = checkpoint.metadata;
    const recorded = (checkpoint.status?.checkpointedPodTemplate?.metadata ?? {}) as PodMetadata;
    const labelSelector = `${WORKLOAD_LABEL}=${workloadLabelOfCheckpoint(checkpoint)}`;
    const { items } = await this.#store.list(PODS, { namespace, labelSelector, signal });
    const heir = items.find(
      (pod) =>
        pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] === name &&
        pod.metadata.uid !== checkpoint.status?.restoration?.podUID &&
        pod.metadata.deletionTimestamp === undefined &&
        !isTerminal(pod),
    );
    if (heir !== undefined) {
      await this.#forgetClaim(checkpoint, signal);
      return { pod: waitsForResume(checkpoint) ? heir : await this.#letGo(heir, signal) };
    }
    const reference = replacingController(recorded);
    if (reference === undefined) return undefined;
    const owner = await this.#owner(reference, namespace, signal);
    const ofOwner = (await this.#store.list(PODS, { namespace, signal })).items.filter(
      ({ metadata }) => controllerOf(metadata)?.uid === reference.uid,
    );
    const why = whyNoReplacement({ checkpoint, reference, owner, pods: ofOwner });
    return why === undefined ? undefined : { abandoned: why };
  }

  /** Pods of controllers pass unseen again in a namespace where nothing waits for one. */
  async #settle(namespace: string, signal: AbortSignal): Promise<void> {
    const found = await this.#get(NAMESPACES, { name: namespace }, signal);
    if (found?.metadata.labels?.[AWAITS_REPLACEMENT_LABEL] === undefined) return;
    const labelSelector = CONTROLLER_UID_LABEL;
    const { items } = await this.#store.list(POD_CHECKPOINTS, { namespace, labelSelector, signal });
    if (items.some((checkpoint) => isConditionTrue(checkpoint.status?.conditions, 'Ready') && isAwaited(checkpoint))) {
      return;
    }
    const { uid, resourceVersion } = found.metadata;
    await this.#store.patch(
      NAMESPACES,
      { name: namespace },
      { metadata: { uid, resourceVersion, labels: { [AWAITS_REPLACEMENT_LABEL]: null } } },
      { signal },
    );
  }

  async #markNamespace(name: string, signal: AbortSignal): Promise<void> {
    const namespace = await this.#get(NAMESPACES, { name }, signal);
    if (namespace === undefined || namespace.metadata.labels?.[AWAITS_REPLACEMENT_LABEL] !== undefined) return;
    await this.#store.patch(
      NAMESPACES,
      { name },
      { metadata: { labels: { [AWAITS_REPLACEMENT_LABEL]: 'true' } } },
      { signal },
    );
  }

  /** It was seen; if it goes, the next one need not wait for the claim to age. */
  async #forgetClaim({ metadata }: PodCheckpoint, signal: AbortSignal): Promise<void> {
    if (metadata.annotations?.[CLAIMED_BY_ANNOTATION] === undefined) return;
    const { namespace, name, uid } = metadata;
    const annotations = { [CLAIMED_BY_ANNOTATION]: null, [CLAIMED_AT_ANNOTATION]: null };
    await this.#store.patch(POD_CHECKPOINTS, { namespace, name }, { metadata: { uid, annotations } }, { signal });
  }

  async #letGo(pod: Pod, signal: AbortSignal): Promise<Pod> {
    const gates = pod.spec.schedulingGates ?? [];
    const others = gates.filter(({ name }) => name !== SUSPENDED_GATE);
    const isHeld = pod.metadata.annotations?.[HELD_ANNOTATION] !== undefined;
    if (others.length === gates.length && !isHeld) return pod;
    const { namespace, name, uid, resourceVersion } = pod.metadata;
    return this.#store.patch(
      PODS,
      { namespace, name },
      {
        metadata: { uid, resourceVersion, ...(isHeld && { annotations: { [HELD_ANNOTATION]: null } }) },
        ...(others.length < gates.length && { spec: { schedulingGates: others.length === 0 ? null : others } }),
      },
      { signal },
    );
  }

  async #owner({ kind, name }: OwnerReference, namespace: string, signal: AbortSignal): Promise<Owner | undefined> {
    const type = OWNER_TYPES[kind];
    return type === undefined ? undefined : this.#get(type, { namespace, name }, signal);
  }

  async #get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.#store.get(type, key, { signal });
    } catch (error) {
      // A server that does not serve the kind at all names no object: it says nothing about this one.
      if (isApiError(error, 'NotFound') && error.details?.name === key.name) return undefined;
      throw error;
    }
  }
}
