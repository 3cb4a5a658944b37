import { ApiError } from '../../../kubernetes/index.ts';
import type { Draft, KubeObject } from '../../../model/index.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ResourcePath } from '../http/request-path.ts';
import type { ServedResource } from './served-resource.ts';

/**
 * The object in a request's body, checked against the path it was sent to.
 * @throws ApiError BadRequest when it is none, or of another kind, namespace or name
 */
export async function readObject(
  exchange: Exchange,
  resource: ServedResource,
  path: ResourcePath,
): Promise<Draft<KubeObject>> {
  const value = await exchange.readValue();
  if (value === undefined) throw new ApiError('BadRequest', 'the request has no body, an object was expected');
  return checkedObject(value, resource, path);
}

/** @throws ApiError BadRequest */
export function checkedObject(value: unknown, resource: ServedResource, path: ResourcePath): Draft<KubeObject> {
  const { kind } = resource.kind.type;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ApiError('BadRequest', `the body is not an object, a ${kind} was expected`);
  }
  const object = value as Draft<KubeObject>;
  expectEqual('kind', object.kind, kind);
  expectEqual('apiVersion', object.apiVersion, resource.apiVersion);
  const metadata: unknown = object.metadata ?? {};
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new ApiError('BadRequest', 'metadata is not an object');
  }
  const { name, namespace } = metadata as { name?: unknown; namespace?: unknown };
  if (namespace !== undefined && namespace !== '' && namespace !== path.namespace && resource.kind.type.namespaced) {
    throw new ApiError(
      'BadRequest',
      `the namespace of the provided object (${String(namespace)}) does not match the namespace sent on the request (${path.namespace ?? 'none'})`,
    );
  }
  if (path.name !== undefined && name !== undefined && name !== path.name) {
    throw new ApiError(
      'BadRequest',
      `the name of the object (${String(name)}) does not match the name on the URL (${path.name})`,
    );
  }
  const placed: Draft<KubeObject>['metadata'] = { ...metadata };
  if (path.namespace !== undefined) placed.namespace = path.namespace;
  if (path.name !== undefined) placed.name = path.name;
  const complete = { ...object, kind, apiVersion: resource.apiVersion, metadata: placed };
  return resource.view?.toStored(complete as KubeObject) ?? complete;
}

function expectEqual(field: string, given: unknown, expected: string): void {
  if (given === undefined || given === '' || given === expected) return;
  throw new ApiError('BadRequest', `${field} is ${JSON.stringify(given)}, but ${expected} was expected at this path`);
}
