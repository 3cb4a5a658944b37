import { ApiError } from '../../../kubernetes/index.ts';
import { PODS } from '../../../model/index.ts';
import type { Exchange } from '../http/exchange.ts';
import { success } from '../http/status.ts';
import { isJsonObject, type Json, type JsonObject } from '../patch/json-value.ts';
import type { ServerContext } from '../server-context.ts';
import { parseDeleteOptions } from './delete-options.ts';
import { dryRun } from './query.ts';

/**
 * `POST pods/{name}/binding`, or `POST bindings` with the pod's name in the body: binds a pod to the node in `target`.
 * `metadata.uid` and `metadata.resourceVersion` are preconditions.
 */
export async function bindPod(
  context: ServerContext,
  exchange: Exchange,
  place: { namespace: string; name?: string },
): Promise<void> {
  const { metadata, body } = await readAction(exchange, 'Binding');
  const name = place.name ?? metadata.name;
  if (typeof name !== 'string' || name === '') throw new ApiError('BadRequest', 'Binding: metadata.name is missing');
  const target = isJsonObject(body.target) ? body.target : {};
  const { kind, name: nodeName } = target;
  if ((kind !== undefined && kind !== '' && kind !== 'Node') || typeof nodeName !== 'string' || nodeName === '') {
    throw new ApiError('Invalid', 'Binding: target must name an object of kind Node, e.g. {"kind":"Node","name":"n1"}');
  }
  const key = { namespace: place.namespace, name };
  const options = { signal: exchange.signal };
  const pod = await context.registry.get(PODS, key, options);
  const uid = typeof metadata.uid === 'string' && metadata.uid !== '' ? metadata.uid : pod.metadata.uid;
  const { resourceVersion } = metadata;
  const bindable = { ...key, uid, ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}) };
  if (!dryRun(exchange.query.getAll('dryRun'))) await context.registry.bind(bindable, nodeName, options);
  exchange.json(201, success(201));
}

/** `POST pods/{name}/eviction`: deletes the pod unless a PodDisruptionBudget forbids it (429). */
export async function evictPod(
  context: ServerContext,
  exchange: Exchange,
  key: { namespace: string; name: string },
): Promise<void> {
  const { body } = await readAction(exchange, 'Eviction');
  const options = parseDeleteOptions(body.deleteOptions, exchange.query);
  await context.registry.evict(key, { ...options, signal: exchange.signal });
  exchange.json(201, success(201));
}

async function readAction(exchange: Exchange, kind: string): Promise<{ body: JsonObject; metadata: JsonObject }> {
  const body = (await exchange.readValue()) as Json | undefined;
  if (!isJsonObject(body)) throw new ApiError('BadRequest', `the body is not an object, a ${kind} was expected`);
  if (body.kind !== undefined && body.kind !== kind) {
    throw new ApiError('BadRequest', `kind is ${JSON.stringify(body.kind)}, but ${kind} was expected at this path`);
  }
  return { body, metadata: isJsonObject(body.metadata) ? body.metadata : {} };
}
