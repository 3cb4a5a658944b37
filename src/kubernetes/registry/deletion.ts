import { type Clock, rfc3339 } from '../../clock/index.ts';
import type { KubeObject, Namespace, ObjectMeta, Pod } from '../../model/index.ts';

/** `metav1.FinalizerDeleteDependents`: the object waits for its dependents (propagation policy Foreground). */
export const FOREGROUND_FINALIZER = 'foregroundDeletion';

/** What a request for deletion comes to: the object goes at once, stays marked, or is marked already. */
export type DeletionPlan = { outcome: 'remove' } | { outcome: 'mark'; next: KubeObject } | { outcome: 'pending' };

const DEFAULT_POD_GRACE_SECONDS = 30;

/**
 * Decides as `rest.BeforeDelete` and `podStrategy.CheckGracefulDelete` of kube-apiserver do: pods get a grace period when
 * they are bound and have not ended, and a second request can only shorten it; finalizers hold any object.
 */
export function planDeletion(
  object: KubeObject,
  request: { graceful: boolean; gracePeriodSeconds?: number | undefined; addFinalizer?: string },
  clock: Clock,
): DeletionPlan {
  const { metadata } = object;
  const finalizers = metadata.finalizers ?? [];
  const added = request.addFinalizer !== undefined && !finalizers.includes(request.addFinalizer);
  const kept = added ? [...finalizers, request.addFinalizer as string] : finalizers;
  const held = kept.length > 0 || contentFinalizers(object).length > 0;
  if (metadata.deletionTimestamp !== undefined) {
    const shorter = request.graceful ? shortened(metadata, request.gracePeriodSeconds) : undefined;
    const seconds = shorter?.deletionGracePeriodSeconds ?? metadata.deletionGracePeriodSeconds ?? 0;
    if (!held && seconds === 0) return { outcome: 'remove' };
    if (shorter === undefined && !added) return { outcome: 'pending' };
    return { outcome: 'mark', next: withMetadata(object, { ...shorter, ...(added ? { finalizers: kept } : {}) }) };
  }
  const seconds = request.graceful ? podGraceSeconds(object as Pod, request.gracePeriodSeconds) : 0;
  if (seconds === 0 && !held) return { outcome: 'remove' };
  return {
    outcome: 'mark',
    next: withMetadata(object, {
      deletionTimestamp: rfc3339(clock.now() + seconds * 1_000),
      deletionGracePeriodSeconds: seconds,
      ...(metadata.generation === undefined ? {} : { generation: metadata.generation + 1 }),
      ...(added ? { finalizers: kept } : {}),
    }),
  };
}

/** Whether an object marked for deletion has nothing left that holds it. */
export function isReleased(object: KubeObject): boolean {
  const { metadata } = object;
  return (
    metadata.deletionTimestamp !== undefined &&
    (metadata.deletionGracePeriodSeconds ?? 0) === 0 &&
    (metadata.finalizers ?? []).length === 0 &&
    contentFinalizers(object).length === 0
  );
}

/** What holds a namespace besides `metadata.finalizers`, until its content is gone. */
function contentFinalizers(object: KubeObject): readonly string[] {
  return object.kind === 'Namespace' ? ((object as Namespace).spec?.finalizers ?? []) : [];
}

function podGraceSeconds(pod: Pod, requested: number | undefined): number {
  const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (!pod.spec.nodeName || ended) return 0;
  const seconds = requested ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_POD_GRACE_SECONDS;
  return seconds < 0 ? 1 : seconds;
}

/** The deletion fields for a request that shortens the running grace period; undefined when it does not. */
function shortened(metadata: ObjectMeta, requested: number | undefined): Partial<ObjectMeta> | undefined {
  const { deletionTimestamp, deletionGracePeriodSeconds: seconds } = metadata;
  if (requested === undefined || seconds === undefined || deletionTimestamp === undefined) return undefined;
  const wanted = requested < 0 ? 1 : requested;
  if (wanted >= seconds) return undefined;
  return {
    deletionTimestamp: rfc3339(Date.parse(deletionTimestamp) - (seconds - wanted) * 1_000),
    deletionGracePeriodSeconds: wanted,
  };
}

function withMetadata(object: KubeObject, changes: Partial<ObjectMeta>): KubeObject {
  const marked = { ...object, metadata: { ...object.metadata, ...changes } };
  return object.kind === 'Namespace' ? terminating(marked as Namespace) : marked;
}

function terminating(namespace: Namespace): Namespace {
  return { ...namespace, status: { ...namespace.status, phase: 'Terminating' } };
}
