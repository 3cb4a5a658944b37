import type { QueuedPod, QueueSortPlugin } from '../framework/phases.ts';

/**
 * Higher priority first, then the one that came first; among those of one instant a suspended workload before a
 * newcomer, then by arrival. (Upstream orders by the time of the last entry into the queue; by the first one a restored
 * workload keeps its place, and a pod that was turned down does not fall behind.)
 */
export class PrioritySort implements QueueSortPlugin {
  readonly name = 'PrioritySort';

  less(one: QueuedPod, other: QueuedPod): boolean {
    if (one.info.priority !== other.info.priority) return one.info.priority > other.info.priority;
    if (one.firstEnqueuedAt !== other.firstEnqueuedAt) return one.firstEnqueuedAt < other.firstEnqueuedAt;
    if (one.suspended !== other.suspended) return one.suspended;
    return one.sequence < other.sequence;
  }
}
