import {
  addResources,
  insufficientResources,
  podRequests,
  type Resources,
  subtractResources,
} from '../../model/index.ts';
import type { PodObservation } from '../../runtime/index.ts';
import type { PodRecord } from './pod-record.ts';
import { isTerminal } from './pod-state.ts';

/**
 * Whether a pod may take its room now. `wait`: what holds the room is on its way out (`orphans` are to be removed first).
 * `reject`: only pods that stay hold it, as when somebody binds by hand past the scheduler.
 */
export type Admission =
  | { answer: 'admit' }
  | { answer: 'wait'; orphans: readonly string[] }
  | { answer: 'reject'; reason: string; message: string };

/**
 * Looks at what is truly there, not at what the API says should be: a pod whose object was deleted by force still holds
 * its room until its processes are gone.
 */
export function admit(
  record: PodRecord,
  others: Iterable<PodRecord>,
  present: readonly PodObservation[],
  allocatable: Resources,
): Admission {
  const records = new Map([...others].map((other) => [other.uid, other]));
  const alive = new Set(present.filter(isAlive).map((pod) => pod.uid));
  const orphans = [...alive].filter((uid) => uid !== record.uid && !records.has(uid)).sort();
  if (orphans.length > 0) return { answer: 'wait', orphans };
  let held: Resources = {};
  let staying: Resources = {};
  for (const other of records.values()) {
    if (other.uid === record.uid) continue;
    const holds = alive.has(other.uid) || (other.admitted && !other.over);
    if (!holds) continue;
    const requests = podRequests(other.pod);
    held = addResources(held, requests);
    if (!isLeaving(other, present)) staying = addResources(staying, requests);
  }
  const requests = podRequests(record.pod);
  if (insufficientResources(requests, subtractResources(allocatable, held)).length === 0) return { answer: 'admit' };
  const [lacking] = insufficientResources(requests, subtractResources(allocatable, staying));
  if (lacking === undefined) return { answer: 'wait', orphans: [] };
  return {
    answer: 'reject',
    reason: `OutOf${lacking}`,
    message: `Node didn't have enough resource: ${lacking}, requested: ${requests[lacking] ?? 0}, used: ${staying[lacking] ?? 0}, capacity: ${allocatable[lacking] ?? 0}`,
  };
}

/** Containers that are only made use nothing; those that have exited use nothing any more. */
function isAlive(pod: PodObservation): boolean {
  return pod.containers.some((container) => container.state === 'running' || container.state === 'frozen');
}

function isLeaving(record: PodRecord, present: readonly PodObservation[]): boolean {
  if (record.vanished || record.over || isTerminal(record.pod)) return true;
  if (record.pod.metadata.deletionTimestamp !== undefined) return true;
  const seen = present.find((pod) => pod.uid === record.uid);
  return seen?.containers.some((container) => container.state === 'frozen') ?? false;
}
