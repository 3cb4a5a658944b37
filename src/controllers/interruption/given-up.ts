import { isConditionTrue, type Pod, RESTORE_FROM_ANNOTATION, RESTORED_CONDITION } from '../../model/index.ts';

/**
 * Whether a waiting incarnation that is gone was deleted by its owner, as it was last seen: on no node, so that nothing there can have ended it, or asked to end
 * without the mark of a disruption (KEP-3329). From a node and without a word only a gap in the watch, or force, takes it.
 */
export function isGivenUp({ metadata, spec, status }: Pod): boolean {
  if (metadata.annotations?.[RESTORE_FROM_ANNOTATION] === undefined) return false;
  if (isConditionTrue(status?.conditions, RESTORED_CONDITION)) return false;
  if (isConditionTrue(status?.conditions, 'DisruptionTarget')) return false;
  return spec.nodeName === undefined || metadata.deletionTimestamp !== undefined;
}
