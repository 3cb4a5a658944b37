import { ApiError, type RegistryDeleteOptions } from '../../../kubernetes/index.ts';
import type { KubeObject } from '../../../model/index.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ResourcePath } from '../http/request-path.ts';
import type { ServerContext } from '../server-context.ts';
import { deleteOptions } from './delete-options.ts';
import { readPatch } from './patch-request.ts';
import { Presentation } from './present.ts';
import { listOptions, writeOptions } from './query.ts';
import { checkedObject, readObject } from './request-object.ts';
import type { ServedResource } from './served-resource.ts';

export async function createObject(
  context: ServerContext,
  exchange: Exchange,
  resource: ServedResource,
  path: ResourcePath,
): Promise<void> {
  const presentation = new Presentation(context.clock, exchange, resource, false);
  if (resource.kind.type.namespaced && path.namespace === undefined) {
    throw new ApiError(
      'BadRequest',
      `an object of kind ${resource.kind.type.kind} is created in a namespace: POST to /namespaces/{namespace}/${path.plural}`,
    );
  }
  const object = await readObject(exchange, resource, path);
  const created = await context.registry.create(resource.kind.type, object, writeOptions(exchange, undefined));
  await presentation.send(exchange, 201, presentation.one(created));
}

export async function replaceObject(
  context: ServerContext,
  exchange: Exchange,
  resource: ServedResource,
  path: ResourcePath,
): Promise<void> {
  const presentation = new Presentation(context.clock, exchange, resource, false);
  // The registry checks the rest: what a client sent is no KubeObject before that.
  const object = (await readObject(exchange, resource, path)) as KubeObject;
  const options = writeOptions(exchange, path.subresource);
  const replaced = await context.registry.replace(resource.kind.type, object, options);
  await presentation.send(exchange, 200, presentation.one(replaced));
}

export async function patchObject(
  context: ServerContext,
  exchange: Exchange,
  resource: ServedResource,
  path: ResourcePath & { name: string },
): Promise<void> {
  const presentation = new Presentation(context.clock, exchange, resource, false);
  const apply = await readPatch(exchange, resource.kind);
  const patched = await context.registry.update(
    resource.kind.type,
    path,
    (current) => {
      const before = resource.view?.fromStored(current) ?? current;
      return checkedObject(apply(before), resource, path) as KubeObject;
    },
    writeOptions(exchange, path.subresource),
  );
  await presentation.send(exchange, 200, presentation.one(patched));
}

export async function deleteObject(
  context: ServerContext,
  exchange: Exchange,
  resource: ServedResource,
  path: ResourcePath & { name: string },
): Promise<void> {
  const presentation = new Presentation(context.clock, exchange, resource, false);
  const options = await deleteOptions(exchange);
  const deleted = await context.registry.delete(resource.kind.type, path, options);
  await presentation.send(exchange, 200, presentation.one(deleted));
}

/** Deletes what a selector picks, one by one; what somebody else deleted meanwhile is passed over. */
export async function deleteObjects(
  context: ServerContext,
  exchange: Exchange,
  resource: ServedResource,
  path: ResourcePath,
): Promise<void> {
  const presentation = new Presentation(context.clock, exchange, resource, true);
  const type = resource.kind.type;
  const options: RegistryDeleteOptions = await deleteOptions(exchange);
  const { items, resourceVersion } = await context.registry.list(type, listOptions(exchange, resource, path.namespace));
  const deleted: KubeObject[] = [];
  for (const { metadata } of items) {
    try {
      deleted.push(await context.registry.delete(type, metadata, options));
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'NotFound')) throw error;
    }
  }
  await presentation.send(exchange, 200, presentation.many(deleted, { resourceVersion }));
}
