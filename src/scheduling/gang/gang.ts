import { podGroupOf } from '../../model/index.ts';
import type { PreEnqueuePlugin } from '../framework/phases.ts';
import type { QueueEvent } from '../framework/queue-event.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { PodGroups } from './pod-groups.ts';

/**
 * Gang scheduling: with this plugin in the profile the members of a PodGroup, and those that were stopped as a group, are decided about
 * together (`GangCycle`), and started together or not at all. Coscheduling of kubernetes-sigs/scheduler-plugins holds the room of some while it waits
 * for the others; here nothing is held, so that two gangs cannot wait for each other.
 */
export class GangScheduling implements PreEnqueuePlugin {
  readonly name = 'Gang';
  readonly hints = {
    PodPending: (pod: PodInfo, event: { pod: PodInfo }) => this.#isSibling(pod, event.pod),
    PlacedPodChanged: (pod: PodInfo, event: { pod: PodInfo }) => this.#isSibling(pod, event.pod),
    RoomFreed: (pod: PodInfo, event: { pod: PodInfo }) => this.#isSibling(pod, event.pod),
    ObjectChanged: (pod: PodInfo, { object }: Extract<QueueEvent, { type: 'ObjectChanged' }>) =>
      object.kind === 'PodGroup' &&
      podGroupOf(pod.pod) === `${object.metadata.namespace ?? 'default'}/${object.metadata.name}`,
  };
  readonly #groups: PodGroups;

  constructor(groups: PodGroups) {
    this.#groups = groups;
  }

  /** Never gates: a gang that is not complete says so as any pod does that has to wait. */
  preEnqueue(pod: PodInfo): undefined {
    this.#groups.seenWaiting(pod);
    return undefined;
  }

  #isSibling(pod: PodInfo, other: PodInfo): boolean {
    const gang = this.#groups.keyOf(pod);
    return gang !== undefined && gang === this.#groups.keyOf(other);
  }
}
