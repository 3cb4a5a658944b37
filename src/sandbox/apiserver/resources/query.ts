import {
  ApiError,
  type FieldValidation,
  type RegistryListOptions,
  type RegistryWriteOptions,
} from '../../../kubernetes/index.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ServedResource } from './served-resource.ts';

/** Reads `?limit=…&labelSelector=…` of a list, watch or deletecollection. @throws ApiError BadRequest */
export function listOptions(exchange: Exchange, resource: ServedResource, namespace: string | undefined) {
  const { query } = exchange;
  const options: RegistryListOptions = { signal: exchange.signal };
  if (namespace !== undefined) options.namespace = namespace;
  const labelSelector = query.get('labelSelector');
  if (labelSelector) options.labelSelector = labelSelector;
  const fieldSelector = query.get('fieldSelector');
  if (fieldSelector) options.fieldSelector = resource.view?.fieldSelector(fieldSelector) ?? fieldSelector;
  const limit = integer(query, 'limit');
  if (limit !== undefined && limit > 0) options.limit = limit;
  const continued = query.get('continue');
  if (continued) options.continue = continued;
  const resourceVersion = query.get('resourceVersion');
  if (resourceVersion) options.resourceVersion = resourceVersion;
  const match = query.get('resourceVersionMatch');
  if (match === 'Exact' || match === 'NotOlderThan') options.resourceVersionMatch = match;
  else if (match) throw malformed('resourceVersionMatch', match, 'Exact or NotOlderThan');
  return options;
}

/** Reads `?dryRun=All&fieldValidation=…`; warnings go into the answer's headers. @throws ApiError BadRequest */
export function writeOptions(exchange: Exchange, subresource: string | undefined): RegistryWriteOptions {
  return {
    signal: exchange.signal,
    dryRun: dryRun(exchange.query.getAll('dryRun')),
    fieldValidation: fieldValidation(exchange.query.get('fieldValidation')),
    warn: (message) => exchange.warn(message),
    ...(subresource === 'status' ? { subresource } : {}),
  };
}

/** @throws ApiError BadRequest for anything but `All` */
export function dryRun(values: readonly unknown[]): boolean {
  for (const value of values) {
    if (value !== 'All' && value !== '') throw malformed('dryRun', String(value), 'All');
  }
  return values.includes('All');
}

function fieldValidation(value: string | null): FieldValidation {
  if (value === null || value === '') return 'Warn';
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return value;
  throw malformed('fieldValidation', value, 'Strict, Warn or Ignore');
}

/** @throws ApiError BadRequest when it is there and not a whole number */
export function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^-?\d{1,15}$/.test(text)) throw malformed(name, text, 'a whole number');
  return Number(text);
}

export function flag(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  return text === 'true' || text === '1' || text === '';
}

function malformed(name: string, value: string, accepted: string): ApiError {
  return new ApiError('BadRequest', `query parameter ${name} must be ${accepted}, not ${JSON.stringify(value)}`);
}
