import { rfc3339 } from '../../clock/index.ts';
import { type Container, PODS, type Pod, withCondition } from '../../model/index.ts';
import type { BindablePod } from '../store.ts';
import { badRequest, conflict } from './refusals.ts';

/** The pod with the status an API server gives a new one (`podStrategy.PrepareForCreate`), whatever its draft says. */
export function newPod(pod: Pod, now: number): Pod {
  const { schedulingGates } = pod.spec;
  const status: NonNullable<Pod['status']> = { phase: 'Pending', qosClass: qosClassOf(pod) };
  if (schedulingGates !== undefined && schedulingGates.length > 0) {
    const message = 'Scheduling is blocked due to non-empty scheduling gates';
    status.conditions = withCondition(
      undefined,
      { type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message },
      rfc3339(now),
    );
  }
  return { ...pod, status };
}

/** The pod bound to a node (`BindingREST.setPodNodeAndMetadata`). Throws Conflict when it cannot be. */
export function boundPod(pod: Pod, precondition: BindablePod, nodeName: string, now: number): Pod {
  const { uid, resourceVersion = '' } = precondition;
  const { name } = pod.metadata;
  if (nodeName === '') throw badRequest(`pod ${name} cannot be bound: the target names no node`);
  const refuse = (why: string): never => {
    throw conflict({ ...PODS, plural: 'pods/binding' }, name, why);
  };
  if (uid !== '' && pod.metadata.uid !== uid) {
    refuse(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`);
  }
  if (resourceVersion !== '' && pod.metadata.resourceVersion !== resourceVersion) {
    refuse(
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${pod.metadata.resourceVersion}`,
    );
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  }
  if (pod.spec.nodeName) refuse(`pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
  if ((pod.spec.schedulingGates ?? []).length > 0) refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  const conditions = withCondition(pod.status?.conditions, { type: 'PodScheduled', status: 'True' }, rfc3339(now));
  return { ...pod, spec: { ...pod.spec, nodeName }, status: { ...pod.status, conditions } };
}

/** Guaranteed, Burstable or BestEffort, by Kubernetes' rule over cpu and memory of all containers. */
function qosClassOf(pod: Pod): string {
  const containers: Container[] = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  let anything = false;
  let guaranteed = true;
  for (const { resources } of containers) {
    for (const resource of ['cpu', 'memory']) {
      const limit = resources?.limits?.[resource];
      const request = resources?.requests?.[resource] ?? limit;
      if (request !== undefined && !isZero(request)) anything = true;
      if (limit === undefined || request !== limit) guaranteed = false;
    }
  }
  if (!anything) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function isZero(quantity: string): boolean {
  return Number.parseFloat(quantity) === 0;
}
