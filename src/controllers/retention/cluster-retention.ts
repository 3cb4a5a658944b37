import { type ExpendableCheckpoint, type OverLimit, planRetention } from '../../checkpoint/index.ts';
import {
  type InterruptionPolicy,
  keyOf,
  type Pod,
  type PodCheckpoint,
  workloadOfCheckpoint,
  workloadOfPod,
} from '../../model/index.ts';
import { labelsOf, overLimits } from './limits-view.ts';
import { RetentionPolicies } from './retention-policies.ts';
import { retainedCheckpoint, retainedWorkload } from './workload-view.ts';

/** Why checkpoints go of workloads that are no more. */
export const ORPHANED: ReadonlySet<string> = new Set(['WorkloadEnded', 'WorkloadDeleted']);

/**
 * Pure: what the retention controller would let go of these objects, and why, if it looked at them now. It has seen workloads end and
 * knows since when; here one without pods ended `now`, so that the grace is never taken for over.
 */
export function expendableCheckpoints(
  objects: {
    checkpoints: readonly PodCheckpoint[];
    pods: readonly Pod[];
    policies: readonly InterruptionPolicy[];
  },
  now: number,
): (ExpendableCheckpoint | OverLimit)[] {
  const policies = new RetentionPolicies(objects.policies);
  const pods = Map.groupBy(objects.pods, workloadOfPod);
  const podsOf = (workload: string): readonly Pod[] => pods.get(workload) ?? [];
  const expendable: (ExpendableCheckpoint | OverLimit)[] = [];
  for (const [workload, own] of Map.groupBy(objects.checkpoints, workloadOfCheckpoint)) {
    const views = own.map((checkpoint) => retainedCheckpoint(checkpoint, podsOf(workload)));
    const rules = planRetention(views, [retainedWorkload(workload, own, podsOf(workload), now)], now);
    const [first] = own;
    const retention =
      first === undefined ? undefined : policies.ofWorkload(first.metadata.namespace ?? '', labelsOf(first));
    expendable.push(...rules.expendable.filter(({ why }) => retention?.orphans !== 'Keep' || !ORPHANED.has(why)));
  }
  const gone = new Set(expendable.map(({ id }) => id));
  const left = objects.checkpoints.filter((checkpoint) => !gone.has(keyOf(checkpoint)));
  for (const [namespace, own] of Map.groupBy(left, ({ metadata }) => metadata.namespace ?? '')) {
    expendable.push(...overLimits(namespace, own, podsOf, policies, now).expendable);
  }
  return expendable;
}
