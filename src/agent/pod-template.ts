import {
  AVOID_NODES_ANNOTATION,
  type Container,
  DECISION_ANNOTATION,
  FIRST_ENQUEUED_ANNOTATION,
  IMAGES_ANNOTATION,
  NOT_BEFORE_ANNOTATION,
  type ObjectMeta,
  originalImages,
  type Pod,
  type PodSpec,
  RAN_SECONDS_ANNOTATION,
  RESTORE_FAILURES_ANNOTATION,
  RESTORE_FROM_ANNOTATION,
} from '../model/index.ts';

/** Marks of this one incarnation; the next gets its own. */
const OF_THIS_INCARNATION = [
  RESTORE_FROM_ANNOTATION,
  DECISION_ANNOTATION,
  RESTORE_FAILURES_ANNOTATION,
  NOT_BEFORE_ANNOTATION,
  AVOID_NODES_ANNOTATION,
  IMAGES_ANNOTATION,
];
/** The token volume that ServiceAccount admission adds to every pod; it is added anew to the next one. */
const TOKEN_VOLUME = /^(kube-api-access|default-token)-[a-z0-9]+$/;

export interface PodTemplate {
  metadata: Pick<Partial<ObjectMeta>, 'labels' | 'annotations' | 'ownerReferences'>;
  spec: object;
}

/**
 * The pod as it ran at `now` (ms since the epoch), without what ties it to its node, its object or its incarnation: what
 * the next incarnation is made from (`checkpointedPodTemplate` of KEP-5823). The workload's place in the queue and the
 * time it has run so far go with it.
 */
export function podTemplate(pod: Pod, now: number): PodTemplate {
  const { labels, ownerReferences } = pod.metadata;
  const annotations: Record<string, string> = { ...pod.metadata.annotations };
  for (const name of OF_THIS_INCARNATION) delete annotations[name];
  annotations[FIRST_ENQUEUED_ANNOTATION] ??= pod.metadata.creationTimestamp;
  annotations[RAN_SECONDS_ANNOTATION] = String(ranSeconds(pod, now));
  // Priority is computed from the class when a pod is created; a number that does not fit it is refused then.
  const {
    nodeName: _,
    priority: _priority,
    preemptionPolicy: _policy,
    ephemeralContainers: _debug,
    ...spec
  } = withoutRestore(pod.spec);
  const originals = originalImages(pod);
  const asWritten = (container: Container): Container => ({ ...withoutToken(container), ...originals[container.name] });
  const volumes = spec.volumes?.filter((volume) => !TOKEN_VOLUME.test(volume.name));
  return {
    metadata: {
      ...(labels === undefined ? {} : { labels }),
      annotations,
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
    spec: {
      ...spec,
      containers: spec.containers.map(asWritten),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(asWritten) }),
      ...(volumes === undefined ? {} : { volumes }),
    },
  };
}

/** What the API server adds to a pod with `restoreFrom` binds it to the node of that checkpoint (KEP-5823); the next has its own. */
function withoutRestore({ restoreFrom, affinity, ...spec }: PodSpec): PodSpec {
  if (restoreFrom === undefined) return { ...spec, ...(affinity && { affinity }) };
  const { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required, ...preferred } = {}, ...others } =
    affinity ?? {};
  const nodeSelectorTerms = (required?.nodeSelectorTerms ?? [])
    .map(({ matchFields: _pinned, ...term }) => term)
    .filter(({ matchExpressions = [] }) => matchExpressions.length > 0);
  const wanted = {
    ...preferred,
    ...(nodeSelectorTerms.length > 0 && { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } }),
  };
  const rest = { ...others, ...(Object.keys(wanted).length > 0 && { nodeAffinity: wanted }) };
  return { ...spec, ...(Object.keys(rest).length > 0 && { affinity: rest }) };
}

function withoutToken(container: Container): Container {
  if (container.volumeMounts === undefined) return container;
  return { ...container, volumeMounts: container.volumeMounts.filter((mount) => !TOKEN_VOLUME.test(mount.name)) };
}

/** Seconds the workload ran over all incarnations, this one included. */
function ranSeconds(pod: Pod, now: number): number {
  const before = Number(pod.metadata.annotations?.[RAN_SECONDS_ANNOTATION] ?? '0');
  const started = (pod.status?.containerStatuses ?? [])
    .map((status) => Date.parse(String(status.state?.running?.startedAt ?? '')))
    .filter((time) => !Number.isNaN(time));
  const start = started.length > 0 ? Math.min(...started) : Date.parse(String(pod.status?.startTime ?? ''));
  const ownSeconds = Number.isNaN(start) ? 0 : Math.max(0, Math.round((now - start) / 1000));
  return (Number.isFinite(before) && before > 0 ? before : 0) + ownSeconds;
}
