import {
  apiVersionOf,
  conditionOf,
  DECISION_ANNOTATION,
  type Draft,
  type GroupMember,
  isConditionTrue,
  isTerminal,
  POD_GROUP_CHECKPOINTS,
  type Pod,
  type PodCheckpoint,
  type PodGroupCheckpoint,
  PREPARED_CONDITION,
  WORKLOAD_LABEL,
  workloadLabel,
} from '../../model/index.ts';

const MAX_NAME_LENGTH = 253;

/** The members a selector comes to; `reason` when these pods cannot be checkpointed together now. */
export function membersOf(
  group: PodGroupCheckpoint,
  selected: readonly Pod[],
): { members: GroupMember[] } | { reason: string } {
  // What waits unbound has no process to save; of a job that gives way to another it goes on waiting.
  const mayWait = group.spec.reason === 'Preemption';
  const pods = selected.filter((pod) => !isTerminal(pod) && !(mayWait && pod.spec.nodeName === undefined));
  if (pods.length === 0) return { reason: 'no pod that has not ended matches the selector' };
  for (const { metadata, spec, status } of pods) {
    if (metadata.deletionTimestamp !== undefined) return { reason: `pod ${metadata.name} is being deleted` };
    if (spec.nodeName === undefined || status?.phase !== 'Running') {
      return { reason: `pod ${metadata.name} does not run (${status?.phase ?? 'Pending'})` };
    }
  }
  return {
    members: pods.map(({ metadata, spec, status }) => ({
      name: metadata.name,
      uid: metadata.uid,
      podCheckpointName: memberName(group.metadata.name, metadata.uid),
      ...(spec.nodeName !== undefined && { nodeName: spec.nodeName }),
      ...(status?.podIPs !== undefined && { podIPs: status.podIPs.flatMap(({ ip }) => ip ?? []) }),
    })),
  };
}

/** `<group>-<first 8 of the pod's UID>`, the group's name cut where the whole would be too long. */
export function memberName(group: string, podUid: string): string {
  const suffix = `-${podUid.slice(0, 8)}`;
  return `${group.slice(0, MAX_NAME_LENGTH - suffix.length)}${suffix}`;
}

/** The order to checkpoint one member. */
export function memberCheckpoint(
  group: PodGroupCheckpoint,
  member: GroupMember,
  pod: Pod | undefined,
): Draft<PodCheckpoint> {
  const { name, namespace, uid, annotations } = group.metadata;
  const { selector: _, ...asked } = group.spec;
  const decision = annotations?.[DECISION_ANNOTATION];
  return {
    metadata: {
      name: member.podCheckpointName,
      ...(namespace !== undefined && { namespace }),
      ...(pod !== undefined && { labels: { [WORKLOAD_LABEL]: workloadLabel(pod) } }),
      ...(decision !== undefined && { annotations: { [DECISION_ANNOTATION]: decision } }),
      ownerReferences: [
        { apiVersion: apiVersionOf(POD_GROUP_CHECKPOINTS), kind: POD_GROUP_CHECKPOINTS.kind, name, uid },
      ],
    },
    spec: { ...asked, sourcePod: { name: member.name, uid: member.uid }, group: name },
  };
}

export function isPrepared({ status }: PodCheckpoint): boolean {
  return isConditionTrue(status?.conditions, PREPARED_CONDITION);
}

/** Why the checkpoint has failed for good; undefined: it has not. */
export function failureOf({ status, spec }: PodCheckpoint): string | undefined {
  const ready = conditionOf(status?.conditions, 'Ready');
  const isFinal = ready?.reason === 'CheckpointFailed' || ready?.reason === 'SourcePodReplaced';
  if (ready?.status !== 'False' || !isFinal) return undefined;
  return `pod ${spec.sourcePod.name}: ${ready.message ?? ready.reason}`;
}
