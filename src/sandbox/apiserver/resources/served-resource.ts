import { ApiError, type Kind, type Registry } from '../../../kubernetes/index.ts';
import type { KubeObject } from '../../../model/index.ts';
import type { ResourcePath } from '../http/request-path.ts';
import { EVENTS_VIEW } from './events-view.ts';

/** The same stored objects in the shape of another API group. */
export interface View {
  group: string;
  version: string;
  plural: string;
  /** Where the objects are kept. */
  stored: { group: string; version: string; plural: string };
  fromStored(object: KubeObject): KubeObject;
  toStored(object: KubeObject): KubeObject;
  /** A field selector on the view, as one on what is stored. */
  fieldSelector(selector: string): string;
}

/** A kind at the path it was asked for. */
export interface ServedResource {
  kind: Kind;
  view: View | undefined;
  apiVersion: string;
}

export const VIEWS: readonly View[] = [EVENTS_VIEW];

/** @throws ApiError NotFound when nothing is served at that path */
export function resolveResource(registry: Registry, path: ResourcePath): ServedResource {
  const { group, version, plural } = path;
  const view = VIEWS.find((one) => one.group === group && one.version === version && one.plural === plural);
  const stored = view?.stored ?? path;
  const kind = registry.kinds.find(stored.group, stored.version, stored.plural);
  if (kind === undefined) throw notServed();
  const misplaced = kind.type.namespaced
    ? path.name !== undefined && path.namespace === undefined
    : path.namespace !== undefined;
  if (misplaced) throw notServed();
  return { kind, view, apiVersion: group === '' ? version : `${group}/${version}` };
}

/** In kube-apiserver's words, which kubectl knows. */
export function notServed(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource', { details: {} });
}

export function methodNotAllowed(method: string): ApiError {
  return new ApiError('MethodNotAllowed', `the server does not allow the method ${method} on the requested resource`);
}
