import {
  type LimitedCheckpoint,
  type LimitPlan,
  planLimits,
  type RetainedCheckpoint,
  type WorkloadLimits,
} from '../../checkpoint/index.ts';
import { type Pod, type PodCheckpoint, workloadOfCheckpoint } from '../../model/index.ts';
import type { PodMetadata } from '../identity/slot.ts';
import { type RetentionPolicies, workloadLimitsOf } from './retention-policies.ts';
import { retainedCheckpoint, retainedWorkload } from './workload-view.ts';

/**
 * Which checkpoints of a namespace are more than its policies allow. `checkpoints`: all of the namespace but those that go
 * already. `podsOf`: the pods of a workload, as the server has them.
 */
export function overLimits(
  namespace: string,
  checkpoints: readonly PodCheckpoint[],
  podsOf: (workload: string) => readonly Pod[],
  policies: RetentionPolicies,
  now: number,
): LimitPlan {
  const labels = new Map<string, Readonly<Record<string, string>>>();
  const limited: LimitedCheckpoint[] = [];
  for (const [workload, own] of Map.groupBy(checkpoints, workloadOfCheckpoint)) {
    const pods = podsOf(workload);
    const ready = own
      .map((checkpoint) => ({ checkpoint, view: retainedCheckpoint(checkpoint, pods) }))
      .filter(({ view }) => view.state === 'ready');
    const latest = ready.map(({ view }) => view).reduce<RetainedCheckpoint | undefined>(later, undefined);
    const { state } = retainedWorkload(workload, own, pods, now);
    const isLiving = state === 'running' || state === 'suspended';
    for (const { checkpoint, view } of ready) {
      limited.push({
        id: view.id,
        workload,
        pod: podOf(checkpoint),
        takenAt: view.takenAt,
        sizeBytes: sizeOf(checkpoint),
        containers: containersOf(checkpoint),
        kept: view.pinned || view.suspends || view.awaited || (isLiving && view === latest),
      });
      if (view === latest) labels.set(workload, labelsOf(checkpoint));
    }
  }
  const ofNamespace = policies.ofNamespace(namespace);
  const ofEach = new Map<string, WorkloadLimits>();
  for (const [workload, own] of labels)
    ofEach.set(workload, workloadLimitsOf(policies.ofWorkload(namespace, own) ?? {}));
  const ofWorkload = (workload: string): WorkloadLimits | undefined => ofEach.get(workload);
  return planLimits(limited, { ofWorkload, ...(ofNamespace === undefined ? {} : { ofNamespace }) }, now);
}

/** Of the pod it was made of. */
export function labelsOf({ status }: PodCheckpoint): Readonly<Record<string, string>> {
  return (status?.checkpointedPodTemplate?.metadata as PodMetadata | undefined)?.labels ?? {};
}

/** In its store, else of its dumps. */
function sizeOf(checkpoint: PodCheckpoint): number {
  const stored = checkpoint.status?.checkpointLocation?.store?.sizeBytes;
  return stored ?? containersOf(checkpoint).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Of their dumps: what a store has is of the pod as a whole. */
function containersOf({ status }: PodCheckpoint): { name: string; sizeBytes: number }[] {
  return (status?.checkpointedContainers ?? []).map(({ name, sizeBytes = 0 }) => ({ name, sizeBytes }));
}

/** Two pods of one name are two. */
function podOf({ spec, status }: PodCheckpoint): string {
  return status?.sourcePodUID ?? spec.sourcePod.uid ?? spec.sourcePod.name;
}

function later(one: RetainedCheckpoint | undefined, other: RetainedCheckpoint): RetainedCheckpoint {
  if (one === undefined || other.takenAt > one.takenAt) return other;
  return other.takenAt === one.takenAt && other.id > one.id ? other : one;
}
