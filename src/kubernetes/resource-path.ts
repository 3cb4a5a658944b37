import type { ResourceType } from '../model/index.ts';
import { ApiError } from './api-error.ts';
import type { ObjectKey } from './store.ts';

/** `/api/v1/namespaces/default/pods`; without a namespace, or for cluster-wide kinds, `/api/v1/pods`. */
export function collectionPath(type: ResourceType, namespace: string | undefined): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${type.plural}`;
}

/** Path of one object, or of a subresource of it. Throws BadRequest when the key does not name one. */
export function objectPath(type: ResourceType, { namespace, name }: ObjectKey, subresource?: string): string {
  if (!name) throw new ApiError('BadRequest', `a name is needed to address one of ${type.plural}`);
  if (type.namespaced && !namespace) {
    throw new ApiError('BadRequest', `a namespace is needed to address ${type.singular} "${name}"`);
  }
  const path = `${collectionPath(type, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}
