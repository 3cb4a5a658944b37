import {
  conditionOf,
  isConditionTrue,
  type Node,
  type Pod,
  type PodCheckpoint,
  type PodGroupCheckpoint,
  RESTORED_CONDITION,
  restoreRoundOf,
} from '../../model/index.ts';
import { failureOf } from './group-members.ts';
import { lackOf } from './group-votes.ts';

/** What is to be done about the restore of a group: let all go on, or end the round because one cannot come now. */
export type RestoreStep = { step: 'commit'; message: string } | { step: 'end'; message: string };

/**
 * A stopped group comes back whole: members that are back stand still, each for a round of the group's restore, until all are. Members
 * whose pod was given up, or that run again already, are not waited for.
 */
export function restoreStep(group: PodGroupCheckpoint, members: readonly PodCheckpoint[]): RestoreStep | undefined {
  const { spec, status } = group;
  if (status?.decision?.verdict !== 'Committed' || status.restoration?.verdict !== undefined) return undefined;
  if (spec.postCheckpointState !== 'Stopped' || spec.restore === 'Never') return undefined;
  const awaited = awaitedOf(members);
  const round = restoreRoundOf(group);
  const back = awaited.filter((member) => member.status?.restoration?.prepared?.round === round);
  if (back.length === 0) return undefined;
  const failed = awaited.find((member) => restoredReason(member) === 'RestoreFailed');
  if (failed !== undefined) {
    const { lastFailure = 'it is gone' } = failed.status?.restoration ?? {};
    return { step: 'end', message: `pod ${failed.spec.sourcePod.name} did not come back: ${lastFailure}` };
  }
  if (back.length < awaited.length) return undefined;
  return { step: 'commit', message: `all ${awaited.length} pods are back` };
}

/** Whether what the votes say is still so: the pods that voted are there, on nodes that answer, and nobody is about to take one away. */
export function areStillBack(members: readonly PodCheckpoint[], pods: readonly Pod[], nodes: readonly Node[]): boolean {
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid, pod]));
  const nodesByName = new Map(nodes.map((node) => [node.metadata.name, node]));
  return awaitedOf(members).every(({ status }) => {
    const pod = byUid.get(status?.restoration?.prepared?.podUID ?? '');
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return false;
    if (lackOf(nodesByName.get(pod.spec.nodeName ?? '')) !== undefined) return false;
    return conditionOf(pod.status?.conditions, RESTORED_CONDITION)?.status !== 'False';
  });
}

function awaitedOf(members: readonly PodCheckpoint[]): PodCheckpoint[] {
  return members.filter(
    (member) =>
      failureOf(member) === undefined &&
      !isConditionTrue(member.status?.conditions, 'Restored') &&
      restoredReason(member) !== 'Abandoned',
  );
}

function restoredReason({ status }: PodCheckpoint): string | undefined {
  return conditionOf(status?.conditions, 'Restored')?.reason;
}
