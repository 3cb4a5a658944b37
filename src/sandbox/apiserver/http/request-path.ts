/** Where a request under `/api` or `/apis` points. */
export interface ResourcePath {
  group: string;
  version: string;
  plural: string;
  namespace?: string;
  name?: string;
  /** e.g. `status`; with what follows it, e.g. `proxy/metrics`. */
  subresource?: string;
}

/**
 * `/api/v1/namespaces/{ns}/pods/{name}/{subresource}` and its shorter forms, or undefined for anything else. A path that
 * ends behind `/namespaces/{name}` is about the namespace itself.
 */
export function parseResourcePath(segments: readonly string[]): ResourcePath | undefined {
  const [root, ...rest] = segments;
  let group = '';
  if (root === 'apis') group = rest.shift() ?? '';
  else if (root !== 'api') return undefined;
  const version = rest.shift();
  if (version === undefined || rest.length === 0 || rest.some((segment) => segment === '')) return undefined;
  const scope: { namespace?: string } = {};
  const isScope = rest[0] === 'namespaces' && rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2] ?? '');
  if (isScope) {
    const [, namespace] = rest.splice(0, 2);
    if (namespace !== undefined) scope.namespace = namespace;
  }
  const [plural = '', name, ...subresource] = rest;
  return {
    group,
    version,
    plural,
    ...scope,
    ...(name === undefined ? {} : { name }),
    ...(subresource.length === 0 ? {} : { subresource: subresource.join('/') }),
  };
}

const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize']);

/** The decoded segments of a URL path; undefined when an escape is malformed. */
export function segmentsOf(pathname: string): string[] | undefined {
  try {
    return pathname
      .replace(/^\/+|\/+$/g, '')
      .split('/')
      .map(decodeURIComponent);
  } catch {
    return undefined; // %zz: no such path
  }
}
