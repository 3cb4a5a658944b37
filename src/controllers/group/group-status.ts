import { rfc3339 } from '../../clock/index.ts';
import {
  type Condition,
  isConditionTrue,
  type PodCheckpoint,
  type PodGroupCheckpoint,
  withCondition,
} from '../../model/index.ts';
import { failureOf } from './group-members.ts';

/** The group's conditions as they follow from its decision and its members; `members` lacks those that are gone. */
export function groupConditions(
  group: PodGroupCheckpoint,
  members: readonly PodCheckpoint[],
  now: number,
): Condition[] {
  const time = rfc3339(now);
  const { decision, members: named = [] } = group.status ?? {};
  let conditions = withCondition(group.status?.conditions, ready(group, members), time);
  if (decision?.verdict !== 'Committed') return conditions;
  for (const type of ['Released', 'Restored']) {
    const done = members.filter(({ status }) => isConditionTrue(status?.conditions, type)).length;
    // A member whose checkpoint is gone was released, and restored or given up, before.
    if (members.length === 0 || done < members.length || isConditionTrue(conditions, type)) continue;
    const message = `${done} of ${named.length} pods`;
    conditions = withCondition(conditions, { type, status: 'True', reason: `All${type}`, message }, time);
  }
  const { restoration } = group.status ?? {};
  if (restoration === undefined || restoration.verdict !== undefined || isConditionTrue(conditions, 'Restored')) {
    return conditions;
  }
  const message = `try ${restoration.round - 1} was given up, none ran: ${restoration.message ?? 'no reason given'}`;
  return withCondition(conditions, { type: 'Restored', status: 'False', reason: 'RestoreFailed', message }, time);
}

function ready({ status }: PodGroupCheckpoint, members: readonly PodCheckpoint[]): Condition {
  const { decision, members: named = [] } = status ?? {};
  if (decision?.verdict === 'Aborted') {
    const message = `all pods run on: ${decision.message ?? 'no reason given'}`;
    return { type: 'Ready', status: 'False', reason: 'CheckpointFailed', message };
  }
  const failure = members.map(failureOf).find((reason) => reason !== undefined);
  if (decision !== undefined && failure !== undefined) {
    return { type: 'Ready', status: 'False', reason: 'CheckpointFailed', message: failure };
  }
  const complete = members.filter((member) => isConditionTrue(member.status?.conditions, 'Ready')).length;
  if (decision !== undefined && complete === members.length && isOnce(status, complete, named.length)) {
    const message = `${named.length} pods, checkpointed together`;
    return { type: 'Ready', status: 'True', reason: 'CheckpointCompleted', message };
  }
  const message = `${complete} of ${named.length} checkpoints are complete`;
  return { type: 'Ready', status: 'False', reason: 'CheckpointInProgress', message };
}

/** All were there, or the group was Ready already and its checkpoints go one by one. */
function isOnce(status: PodGroupCheckpoint['status'], complete: number, total: number): boolean {
  return complete === total || isConditionTrue(status?.conditions, 'Ready');
}
