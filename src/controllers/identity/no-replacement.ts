import {
  type Condition,
  isConditionTrue,
  isTerminal,
  type KubeObject,
  NOT_RESTORED_ANNOTATION,
  type OwnerReference,
  type Pod,
  type PodCheckpoint,
} from '../../model/index.ts';

/** A Job, StatefulSet, ReplicaSet or ReplicationController, as far as it is read here. */
export interface Owner extends KubeObject {
  spec?: { replicas?: number; ordinals?: { start?: number } };
  status?: { conditions?: Condition[] };
}

/**
 * Why the controller of a suspended pod will not make another one in its place: its owner's own doing, by which the state is
 * given up. Undefined: it may make one yet, and the state waits.
 */
export function whyNoReplacement(facts: {
  checkpoint: PodCheckpoint;
  reference: OwnerReference;
  /** As the server has it; undefined: it is gone. */
  owner: Owner | undefined;
  /** Of this owner. */
  pods: readonly Pod[];
}): string | undefined {
  const { checkpoint, reference, owner, pods } = facts;
  const subject = `${reference.kind} ${reference.name}`;
  if (owner === undefined || owner.metadata.uid !== reference.uid || owner.metadata.deletionTimestamp !== undefined) {
    return `${subject} was deleted`;
  }
  const active = pods.filter((pod) => !isTerminal(pod) && pod.metadata.deletionTimestamp === undefined);
  const replicas = owner.spec?.replicas ?? 1;
  const { name } = checkpoint.spec.sourcePod;
  switch (reference.kind) {
    case 'Job': {
      const over = ['Complete', 'Failed'].find((type) => isConditionTrue(owner.status?.conditions, type));
      return over === undefined ? undefined : `${subject} is over (${over})`;
    }
    case 'StatefulSet': {
      const start = owner.spec?.ordinals?.start ?? 0;
      const ordinal = Number(/-(\d+)$/.exec(name)?.[1]);
      if (ordinal < start || ordinal >= start + replicas) return `${subject} was scaled to ${replicas}`;
      const namesake = active.find((pod) => pod.metadata.name === name);
      const change = namesake?.metadata.annotations?.[NOT_RESTORED_ANNOTATION];
      return change === undefined ? undefined : `pod ${name} was made anew: ${change}`;
    }
    default:
      if (active.length < replicas) return undefined;
      return `${subject} wants ${replicas} pods and has ${active.length} without this one`;
  }
}
