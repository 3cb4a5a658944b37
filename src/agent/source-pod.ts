import { isApiError, type ObjectStore } from '../kubernetes/index.ts';
import { PODS, type Pod } from '../model/index.ts';

/**
 * The pod of that name as the server has it now: only that of `uid`, if given, and not when it is being deleted unless
 * `leaving`.
 */
export async function sourceOf(
  store: ObjectStore,
  namespace: string | undefined,
  name: string | undefined,
  uid: string | undefined,
  signal: AbortSignal,
  leaving = false,
): Promise<Pod | undefined> {
  if (name === undefined) return undefined;
  try {
    const pod = await store.get(PODS, { namespace, name }, { signal });
    if (uid !== undefined && pod.metadata.uid !== uid) return undefined;
    return leaving || pod.metadata.deletionTimestamp === undefined ? pod : undefined;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}
