import { ApiError } from '../../../kubernetes/index.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ResourcePath } from '../http/request-path.ts';
import type { ServerContext } from '../server-context.ts';
import { bindPod, evictPod } from './pod-actions.ts';
import { sendPodLog } from './pod-log.ts';
import { flag } from './query.ts';
import { getObject, listObjects } from './read.ts';
import { answerReview, REVIEWS } from './self-reviews.ts';
import { methodNotAllowed, notServed, resolveResource, type ServedResource } from './served-resource.ts';
import { watchObjects } from './watch.ts';
import { createObject, deleteObject, deleteObjects, patchObject, replaceObject } from './write.ts';

/** Subresources of pods that need a connection into the container, which the sandbox does not offer. */
const INTO_CONTAINER: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward']);

/** Answers a request to a path under `/api/v1` or `/apis/{group}/{version}`. */
export async function handleResource(context: ServerContext, exchange: Exchange, path: ResourcePath): Promise<void> {
  const { group, version, plural, namespace } = path;
  const review = REVIEWS.find((one) => one.group === group && one.version === version && one.plural === plural);
  if (review !== undefined) {
    if (exchange.method !== 'POST') throw methodNotAllowed(exchange.method);
    await answerReview(exchange, review);
    return;
  }
  if (group === '' && plural === 'bindings' && namespace !== undefined && path.name === undefined) {
    if (exchange.method !== 'POST') throw methodNotAllowed(exchange.method);
    await bindPod(context, exchange, { namespace });
    return;
  }
  const resource = resolveResource(context.registry, path);
  if (path.name === undefined) await handleCollection(context, exchange, resource, path);
  else await handleItem(context, exchange, resource, { ...path, name: path.name });
}

async function handleCollection(
  context: ServerContext,
  exchange: Exchange,
  resource: ServedResource,
  path: ResourcePath,
): Promise<void> {
  switch (exchange.method) {
    case 'GET':
      return isWatch(exchange)
        ? watchObjects(context, exchange, resource, path)
        : listObjects(context, exchange, resource, path);
    case 'POST':
      return createObject(context, exchange, resource, path);
    case 'DELETE':
      return deleteObjects(context, exchange, resource, path);
    default:
      throw methodNotAllowed(exchange.method);
  }
}

async function handleItem(
  context: ServerContext,
  exchange: Exchange,
  resource: ServedResource,
  path: ResourcePath & { name: string },
): Promise<void> {
  const { subresource } = path;
  if (subresource !== undefined && subresource !== 'status') {
    return handlePodSubresource(context, exchange, resource, path, subresource);
  }
  if (subresource === 'status' && !resource.kind.subresources.includes('status')) throw notServed();
  switch (exchange.method) {
    case 'GET':
      return isWatch(exchange)
        ? watchObjects(context, exchange, resource, path)
        : getObject(context, exchange, resource, path);
    case 'PUT':
      return replaceObject(context, exchange, resource, path);
    case 'PATCH':
      return patchObject(context, exchange, resource, path);
    case 'DELETE':
      if (subresource !== undefined) throw methodNotAllowed(exchange.method);
      return deleteObject(context, exchange, resource, path);
    default:
      throw methodNotAllowed(exchange.method);
  }
}

async function handlePodSubresource(
  context: ServerContext,
  exchange: Exchange,
  resource: ServedResource,
  path: ResourcePath & { name: string },
  subresource: string,
): Promise<void> {
  const { namespace, name } = path;
  const { type, subresources } = resource.kind;
  if (kindIsPod(resource) && namespace !== undefined && INTO_CONTAINER.has(subresource)) {
    throw new ApiError('Unknown', `the sandbox does not serve pods/${subresource}`, {
      status: 501,
      nextStep: 'what the pod writes is in `kubectl logs`; its containers run under podman on this machine',
    });
  }
  if (namespace === undefined || !subresources.includes(subresource)) throw notServed();
  const method = subresource === 'log' ? 'GET' : 'POST';
  if (exchange.method !== method) throw methodNotAllowed(exchange.method);
  switch (subresource) {
    case 'log':
      return sendPodLog(context, exchange, { namespace, name });
    case 'binding':
      return bindPod(context, exchange, { namespace, name });
    case 'eviction':
      return evictPod(context, exchange, { namespace, name });
    default:
      throw new ApiError('Unknown', `${type.plural}/${subresource} is not served`, { status: 501 });
  }
}

function kindIsPod({ kind }: ServedResource): boolean {
  return kind.type.group === '' && kind.type.kind === 'Pod';
}

function isWatch(exchange: Exchange): boolean {
  return exchange.query.has('watch') && flag(exchange.query, 'watch');
}
