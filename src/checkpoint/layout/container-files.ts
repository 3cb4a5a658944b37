/**
 * What a container's checkpoint consists of, as checkpointctl, Podman, CRI-O and containerd lay it out (checkpointctl's
 * lib/metadata.go); anything else beside is of whoever made the dump.
 */
const FILES = new Set([
  'config.dump',
  'spec.dump',
  'status.dump',
  'status',
  'network.status',
  'rootfs-diff.tar',
  'deleted.files',
  'devshm-checkpoint.tar',
  'stats-dump',
  'dump.log',
  'ctr.log',
  'container.log',
]);
const FOLDERS = ['checkpoint', 'artifacts', 'volumes'];

/** `path` is relative to the container's folder. */
export function belongsToLayout(path: string): boolean {
  const top = path.split('/')[0] ?? '';
  return FILES.has(path) || FOLDERS.includes(top);
}

/** What tells an archive's reader most comes first, the large pages last: a reader that wants the names alone need not go on. */
export function layoutOrder(one: string, other: string): number {
  const rank = (path: string): number => {
    if (path === 'config.dump') return 0;
    if (path === 'spec.dump') return 1;
    if (!path.includes('/')) return FOLDERS.includes(path) ? 4 : 2;
    return /(?:^|\/)pages-\d+\.img$/.test(path) ? 6 : 5;
  };
  return rank(one) - rank(other) || (one < other ? -1 : 1);
}

/** Whom a container belonged to, as far as it is known. */
export interface PodIdentity {
  namespace: string;
  name: string;
  uid: string;
}

/** Names by which Kubernetes knows it, in the annotations of `spec.dump`: CRI-O's and our own words, else containerd's. */
export function namesIn(annotations: Readonly<Record<string, string>>): {
  container: string | undefined;
  pod: PodIdentity | undefined;
} {
  const of = (crio: string, containerd: string): string | undefined =>
    annotations[`io.kubernetes.${crio}`] ?? annotations[`io.kubernetes.cri.${containerd}`];
  const [name, namespace] = [of('pod.name', 'sandbox-name'), of('pod.namespace', 'sandbox-namespace')];
  const pod =
    name === undefined || namespace === undefined
      ? undefined
      : { name, namespace, uid: of('pod.uid', 'sandbox-uid') ?? '' };
  return { container: of('container.name', 'container-name'), pod };
}

/** `config.dump`, as far as it is read here; the tools above add fields of their own. */
export interface ContainerConfiguration {
  id: string;
  name: string;
  rootfsImageName: string;
  rootfsImageRef?: string;
  /** Podman's word for it. */
  rootfsImageID?: string;
  runtime: string;
  createdTime?: string;
  checkpointedTime?: string;
  [field: string]: unknown;
}

/** As Podman reads it: it finds the image by `rootfsImageID`, and refuses an archive that names no runtime. */
export function forPodman(configuration: ContainerConfiguration): ContainerConfiguration {
  const image = configuration.rootfsImageID ?? configuration.rootfsImageRef;
  return image === undefined ? configuration : { ...configuration, rootfsImageID: image.replace(/^sha256:/, '') };
}

/** checkpointctl and CRI-O find the pod's names in the annotations of `spec.dump`. */
export function withPodNames(
  specification: Record<string, unknown>,
  container: string,
  pod: PodIdentity | undefined,
): Record<string, unknown> {
  if (pod === undefined) return specification;
  const annotations = {
    'io.kubernetes.container.name': container,
    'io.kubernetes.pod.name': pod.name,
    'io.kubernetes.pod.namespace': pod.namespace,
    'io.kubernetes.pod.uid': pod.uid,
  };
  const before = typeof specification.annotations === 'object' ? specification.annotations : {};
  return { ...specification, annotations: { ...annotations, ...before } };
}

/** `status.dump`: the CRI's ContainerStatus, which containerd refuses an archive without. */
export function criStatus(
  configuration: ContainerConfiguration,
  container: string,
  pod: PodIdentity | undefined,
): Record<string, unknown> {
  const labels =
    pod === undefined
      ? {}
      : {
          'io.kubernetes.container.name': container,
          'io.kubernetes.pod.name': pod.name,
          'io.kubernetes.pod.namespace': pod.namespace,
          'io.kubernetes.pod.uid': pod.uid,
        };
  return {
    id: configuration.id,
    metadata: { name: container, attempt: 0 },
    image: { image: configuration.rootfsImageName },
    image_ref: configuration.rootfsImageRef ?? configuration.rootfsImageID ?? '',
    labels,
    annotations: {},
  };
}
