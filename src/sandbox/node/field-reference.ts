import { type Container, FermataError, type Pod, parseQuantity, type Resources } from '../../model/index.ts';

/** What the node adds to the downward API. */
export interface NodeFacts {
  name: string;
  hostIP: string;
  /** Amounts by resource name; stand in for limits that a container does not set. */
  allocatable: Resources;
}

/**
 * The value of a `fieldRef`. `status.podIP` is empty: containers here are made before the pod has an address. Throws
 * `ContainerConfigInvalid` for a path the downward API does not have.
 */
export function fieldValue(fieldPath: string, pod: Pod, node: NodeFacts): string {
  const subscript = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath);
  if (subscript !== null) {
    const map = subscript[1] === 'labels' ? pod.metadata.labels : pod.metadata.annotations;
    return map?.[subscript[2] ?? ''] ?? '';
  }
  switch (fieldPath) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata.uid;
    case 'metadata.labels':
      return formatMap(pod.metadata.labels);
    case 'metadata.annotations':
      return formatMap(pod.metadata.annotations);
    case 'spec.nodeName':
      return node.name;
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? 'default';
    case 'status.hostIP':
    case 'status.hostIPs':
      return node.hostIP;
    case 'status.podIP':
    case 'status.podIPs':
      return pod.status?.podIP ?? '';
    default:
      throw new FermataError('ContainerConfigInvalid', `unsupported fieldPath: ${fieldPath}`);
  }
}

/** `key="escaped value"` lines, sorted, as the kubelet writes label and annotation files. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/**
 * The value of a `resourceFieldRef` in units of its divisor, rounded up (default divisor 1). A limit that is not set is
 * the node's allocatable amount, a request that is not set is the limit, or 0. Throws `ContainerConfigInvalid`.
 */
export function resourceFieldValue(
  reference: { resource: string; containerName?: string; divisor?: string | number },
  pod: Pod,
  container: Container | undefined,
  node: NodeFacts,
): string {
  const named =
    reference.containerName === undefined || reference.containerName === ''
      ? container
      : [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
          (one) => one.name === reference.containerName,
        );
  if (named === undefined) {
    throw new FermataError('ContainerConfigInvalid', `container ${reference.containerName ?? ''} not found`);
  }
  const [kind, name] = splitOnce(reference.resource);
  if ((kind !== 'limits' && kind !== 'requests') || name === '') {
    throw new FermataError('ContainerConfigInvalid', `unsupported container resource: ${reference.resource}`);
  }
  const limits = (named.resources?.limits ?? {}) as Record<string, string | number>;
  const requests = (named.resources?.requests ?? {}) as Record<string, string | number>;
  const written = kind === 'limits' ? limits[name] : (requests[name] ?? limits[name]);
  const nanos = written === undefined ? unset(kind, name, node) : parseQuantity(written).nanos;
  const divisor = parseQuantity(reference.divisor === undefined || reference.divisor === '0' ? '1' : reference.divisor);
  if (divisor.nanos <= 0n)
    throw new FermataError('ContainerConfigInvalid', `divisor of ${reference.resource} is not positive`);
  return String((nanos + divisor.nanos - 1n) / divisor.nanos);
}

function unset(kind: 'limits' | 'requests', name: string, node: NodeFacts): bigint {
  if (kind === 'requests') return 0n;
  const amount = BigInt(Math.round(node.allocatable[name] ?? 0));
  return name === 'cpu' ? amount * 1_000_000n : amount * 1_000_000_000n;
}

function splitOnce(resource: string): [string, string] {
  const dot = resource.indexOf('.');
  return dot < 0 ? [resource, ''] : [resource.slice(0, dot), resource.slice(dot + 1)];
}
