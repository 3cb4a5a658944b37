import { ApiError, type RegistryDeleteOptions } from '../../../kubernetes/index.ts';
import type { Exchange } from '../http/exchange.ts';
import { isJsonObject, type Json, type JsonObject } from '../patch/json-value.ts';
import { dryRun, integer } from './query.ts';

/** `metav1.DeleteOptions` from the body, what the query says taking precedence. @throws ApiError BadRequest */
export async function deleteOptions(exchange: Exchange): Promise<RegistryDeleteOptions> {
  const body = (await exchange.readValue()) as Json | undefined;
  return { ...parseDeleteOptions(body, exchange.query), signal: exchange.signal };
}

/** @throws ApiError BadRequest */
export function parseDeleteOptions(body: Json | undefined, query: URLSearchParams): RegistryDeleteOptions {
  if (body !== undefined && body !== null && !isJsonObject(body)) throw malformed('the body', 'DeleteOptions');
  const given: JsonObject = isJsonObject(body) ? body : {};
  const options: RegistryDeleteOptions = {};
  const grace = integer(query, 'gracePeriodSeconds') ?? given.gracePeriodSeconds;
  if (grace !== undefined && grace !== null) {
    if (typeof grace !== 'number' || !Number.isInteger(grace)) throw malformed('gracePeriodSeconds', 'a whole number');
    options.gracePeriodSeconds = Math.max(0, grace);
  }
  const preconditions = isJsonObject(given.preconditions) ? given.preconditions : {};
  if (typeof preconditions.uid === 'string') options.uid = preconditions.uid;
  if (typeof preconditions.resourceVersion === 'string') options.resourceVersion = preconditions.resourceVersion;
  const policy = query.get('propagationPolicy') ?? given.propagationPolicy;
  if (policy === 'Background' || policy === 'Foreground' || policy === 'Orphan') options.propagationPolicy = policy;
  else if (policy !== undefined && policy !== null && policy !== '') {
    throw malformed('propagationPolicy', 'Background, Foreground or Orphan');
  } else if (given.orphanDependents === true || query.get('orphanDependents') === 'true') {
    options.propagationPolicy = 'Orphan';
  }
  const inBody = Array.isArray(given.dryRun) ? given.dryRun : [];
  if (dryRun([...query.getAll('dryRun'), ...inBody])) options.dryRun = true;
  return options;
}

function malformed(field: string, expected: string): ApiError {
  return new ApiError('BadRequest', `${field} of a deletion must be ${expected}`);
}
