import { FermataError } from '../../model/index.ts';
import type { RegistryLocation } from './oci/registry-client.ts';
import type { S3Location } from './s3-store.ts';

export type StoreLocation =
  | { kind: 'directory'; path: string }
  | { kind: 's3'; url: string; location: S3Location }
  | { kind: 'oci'; location: RegistryLocation };

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** OCI distribution specification, "Pulling manifests". */
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/**
 * Reads a store's URL: `/folder`, `file:///folder`, `s3://bucket/prefix?endpoint=URL&region=NAME`,
 * `oci://registry/repository?http=true`. Credentials never belong in it. Throws FermataError `StoreUrlInvalid`.
 */
export function parseStoreUrl(text: string): StoreLocation {
  if (text.startsWith('/')) return { kind: 'directory', path: text };
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalid(text, 'it is neither an absolute path nor a URL');
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid(`${url.protocol}//…@${url.host}${url.pathname}`, 'credentials do not belong in it');
  }
  const known = { 'file:': [], 's3:': ['endpoint', 'region'], 'oci:': ['http'] }[url.protocol];
  if (known === undefined) throw invalid(text, `stores of ${url.protocol} are not known`);
  const unknown = [...url.searchParams.keys()].find((name) => !known.some((each) => each === name));
  if (unknown !== undefined) throw invalid(text, `"${unknown}" is no parameter of ${url.protocol} stores`);
  if (url.protocol === 's3:') return s3(text, url);
  if (url.protocol === 'oci:') return oci(text, url);
  if (url.host !== '') throw invalid(text, 'a file URL has three slashes: file:///folder');
  return { kind: 'directory', path: decodeURIComponent(url.pathname) };
}

function s3(text: string, url: URL): StoreLocation {
  if (!BUCKET.test(url.host)) throw invalid(text, `"${url.host}" is no name of a bucket`);
  const folder = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
  const endpoint = url.searchParams.get('endpoint');
  const region = url.searchParams.get('region');
  if (endpoint !== null && !/^https?:\/\/[^/@]+\/?$/.test(endpoint)) {
    throw invalid(text, 'the endpoint is to be http://HOST or https://HOST, with a port if need be');
  }
  const location = {
    bucket: url.host,
    prefix: folder === '' ? '' : `${folder}/`,
    ...(endpoint === null ? {} : { endpoint: endpoint.replace(/\/$/, '') }),
    ...(region === null ? {} : { region }),
  };
  return { kind: 's3', url: text, location };
}

function oci(text: string, url: URL): StoreLocation {
  const repository = url.pathname.slice(1);
  if (url.host === '' || !REPOSITORY.test(repository))
    throw invalid(text, `"${repository}" is no name of a repository`);
  const http = url.searchParams.get('http');
  const location = { host: url.host, repository };
  return { kind: 'oci', location: http === null ? location : { ...location, plainHttp: http === 'true' } };
}

function invalid(text: string, why: string): FermataError {
  return new FermataError('StoreUrlInvalid', `"${text}" is no store: ${why}`, {
    nextStep: 'Write /folder, file:///folder, s3://bucket/prefix?endpoint=https://host or oci://registry/repository.',
  });
}
