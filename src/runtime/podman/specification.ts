import { isAbsolute, join, normalize } from 'node:path';
import { type Container, FermataError, keyOf, type Pod, quantityMillis, quantityUnits } from '../../model/index.ts';
import type { PodToRun } from '../runtime.ts';
import {
  CONTAINER_LABEL,
  CRIU_CONFIG_ANNOTATION,
  ENDED_LABEL,
  NAMESPACE_LABEL,
  NODE_LABEL,
  POD_LABEL,
  RESTORE_LABEL,
  UID_LABEL,
} from './labels.ts';

/** Body of `POST /containers/create` (Podman's SpecGenerator), as far as we fill it in. */
export interface ContainerSpecification {
  name: string;
  image: string;
  labels: Record<string, string>;
  mounts: Mount[];
  [field: string]: unknown;
}

export interface Mount {
  type: 'bind' | 'tmpfs';
  source: string;
  destination: string;
  options: string[];
}

export interface SpecificationContext {
  node: string;
  cgroupParent: string;
  criuConfig: string;
  network: PodNetwork;
  /** Podman pod to join; absent for a container that owns its namespaces. */
  podmanPod?: string;
  /** Volume name → folder, symbolic links resolved: CRIU dumps a link's mount and then cannot restore it. */
  volumes: Readonly<Record<string, string>>;
  /** Image by container, in place of the name in the pod: the very one a checkpoint was taken from. */
  image?: string;
  /** Set when the container is made to be restored. */
  restore?: { directory: string; ended?: string };
}

export type PodNetwork = 'none' | 'bridge' | 'host';

/** Scheduler period of Linux' CPU quota, µs, as the kubelet sets it. */
const CPU_PERIOD_MICROSECONDS = 100_000;
const MINIMUM_CPU_QUOTA_MICROSECONDS = 1_000;
const MINIMUM_CPU_SHARES = 2;
const CPU_SHARES_PER_CORE = 1_024;
/** Enough for any process tree of a sandbox, and an end to fork bombs. */
const PIDS_LIMIT = 4_096;
/** Kubernetes' and Podman's size of /dev/shm. */
const SHARED_MEMORY_BYTES = 65_536_000;

/** Container names are unique in one Podman, which all nodes of a sandbox share. */
export function containerName(node: string, uid: string, container: string): string {
  return `${node}.${uid}.${container}`;
}

export function podmanPodName(node: string, uid: string): string {
  return `${node}.${uid}`;
}

/** Init containers first, in their order. */
export function containersOf(pod: Pod): Container[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
}

export function networkOf(pod: Pod, network: 'none' | 'bridge'): PodNetwork {
  return pod.spec.hostNetwork === true ? 'host' : network;
}

/**
 * Whether the pod needs an infra container to hold namespaces that its containers share. A lone container without a network
 * owns its own: that spares a third of the time to start it.
 */
export function needsInfra(pod: Pod, network: PodNetwork): boolean {
  if (network === 'host') return false;
  return network === 'bridge' || pod.spec.containers.length > 1;
}

export function podLabels(pod: Pod, node: string): Record<string, string> {
  return {
    [NODE_LABEL]: node,
    [UID_LABEL]: pod.metadata.uid,
    [NAMESPACE_LABEL]: pod.metadata.namespace ?? 'default',
    [POD_LABEL]: pod.metadata.name,
  };
}

/** Body of `POST /pods/create`: net and uts shared; IPC private, or CRIU fails with `Failed to create shm set`. */
export function podSpecification(
  pod: Pod,
  context: Pick<SpecificationContext, 'node' | 'cgroupParent' | 'network'>,
  infraImage: string,
  address?: { network: string; address: string },
): Record<string, unknown> {
  return {
    name: podmanPodName(context.node, pod.metadata.uid),
    hostname: hostnameOf(pod),
    labels: podLabels(pod, context.node),
    cgroup_parent: context.cgroupParent,
    shared_namespaces: ['net', 'uts'],
    infra_image: infraImage,
    infra_command: ['/pause'],
    netns: { nsmode: context.network },
    ...(address !== undefined && { Networks: { [address.network]: { static_ips: [address.address] } } }),
    exit_policy: 'continue',
  };
}

/** Pure: one container of the pod as Podman is to create it. Throws FermataError `VolumeMissing`. */
export function containerSpecification(
  run: PodToRun,
  container: Container,
  context: SpecificationContext,
): ContainerSpecification {
  const { pod } = run;
  const security = { ...podSecurity(pod), ...container.securityContext };
  const environment = { UV_USE_IO_URING: '0', ...run.environment[container.name] };
  const user = userOf(security);
  return {
    name: containerName(context.node, pod.metadata.uid, container.name),
    image: context.image ?? container.image ?? '',
    labels: {
      ...podLabels(pod, context.node),
      [CONTAINER_LABEL]: container.name,
      ...(context.restore && { [RESTORE_LABEL]: context.restore.directory }),
      ...(context.restore?.ended !== undefined && { [ENDED_LABEL]: context.restore.ended }),
    },
    annotations: {
      [CRIU_CONFIG_ANNOTATION]: context.criuConfig,
      'io.kubernetes.pod.name': pod.metadata.name,
      'io.kubernetes.pod.namespace': pod.metadata.namespace ?? 'default',
      'io.kubernetes.pod.uid': pod.metadata.uid,
      'io.kubernetes.container.name': container.name,
    },
    ...(container.command !== undefined && container.command.length > 0 && { entrypoint: container.command }),
    ...(container.args !== undefined && { command: container.args }),
    env: environment,
    ...(container.workingDir !== undefined && { work_dir: container.workingDir }),
    ...(user !== undefined && { user }),
    ...(pod.spec.securityContext?.supplementalGroups !== undefined && {
      groups: pod.spec.securityContext.supplementalGroups.map(String),
    }),
    privileged: security.privileged === true,
    read_only_filesystem: security.readOnlyRootFilesystem === true,
    no_new_privileges: security.allowPrivilegeEscalation === false,
    cap_add: security.capabilities?.add ?? [],
    cap_drop: security.capabilities?.drop ?? [],
    ...(security.seccompProfile?.type === 'Unconfined' && { seccomp_profile_path: 'unconfined' }),
    terminal: container.tty === true,
    stdin: container.stdin === true,
    mounts: mountsOf(pod, container, context),
    image_volume_mode: 'ignore', // files of a declared volume then lie in the root file system, whose changes are dumped
    resource_limits: resourceLimits(container),
    cgroup_parent: context.cgroupParent,
    ...namespaces(pod, context),
    log_configuration: { driver: 'k8s-file' },
    restart_policy: 'no', // the node decides; `always` would start a dumped container from scratch
    stop_timeout: pod.spec.terminationGracePeriodSeconds ?? 30,
    systemd: 'false',
    healthconfig: { Test: ['NONE'] },
    remove: false,
    // Without it each unmount of a root file system writes the whole disk out, a fresh dump of another pod included.
    volatile: true,
  };
}

function namespaces(pod: Pod, context: SpecificationContext): Record<string, unknown> {
  const shared = pod.spec.hostPID === true ? { pidns: { nsmode: 'host' } } : {};
  const ipc = { ipcns: { nsmode: pod.spec.hostIPC === true ? 'host' : 'private' } };
  if (context.podmanPod !== undefined) return { ...shared, ...ipc, pod: context.podmanPod };
  const hostAliases = pod.spec.hostAliases?.flatMap(({ ip, hostnames }) =>
    (hostnames ?? []).map((name) => `${name}:${ip}`),
  );
  return {
    ...shared,
    ...ipc,
    netns: { nsmode: context.network },
    ...(context.network !== 'host' && { hostname: hostnameOf(pod) }),
    ...(hostAliases !== undefined && { hostadd: hostAliases }),
  };
}

/** The kernel takes 64 bytes, Kubernetes 63. */
function hostnameOf(pod: Pod): string {
  return (pod.spec.hostname ?? pod.metadata.name).slice(0, 63).replace(/[-.]+$/, '');
}

function podSecurity(pod: Pod): NonNullable<Container['securityContext']> {
  const { runAsUser, runAsGroup, runAsNonRoot, seccompProfile } = pod.spec.securityContext ?? {};
  return {
    ...(runAsUser !== undefined && { runAsUser }),
    ...(runAsGroup !== undefined && { runAsGroup }),
    ...(runAsNonRoot !== undefined && { runAsNonRoot }),
    ...(seccompProfile !== undefined && { seccompProfile }),
  };
}

function userOf(security: NonNullable<Container['securityContext']>): string | undefined {
  const { runAsUser, runAsGroup } = security;
  if (runAsUser === undefined) return runAsGroup === undefined ? undefined : `0:${runAsGroup}`;
  return runAsGroup === undefined ? String(runAsUser) : `${runAsUser}:${runAsGroup}`;
}

function resourceLimits(container: Container): Record<string, unknown> {
  const { requests, limits } = container.resources ?? {};
  const cpuRequest = requests?.cpu ?? limits?.cpu;
  const memory = limits?.memory;
  const shares =
    cpuRequest === undefined
      ? MINIMUM_CPU_SHARES
      : Math.max(MINIMUM_CPU_SHARES, Math.floor((quantityMillis(cpuRequest) * CPU_SHARES_PER_CORE) / 1000));
  const quota =
    limits?.cpu === undefined
      ? undefined
      : Math.max(MINIMUM_CPU_QUOTA_MICROSECONDS, (quantityMillis(limits.cpu) * CPU_PERIOD_MICROSECONDS) / 1000);
  return {
    cpu: { shares, ...(quota !== undefined && { quota, period: CPU_PERIOD_MICROSECONDS }) },
    ...(memory !== undefined && { memory: { limit: quantityUnits(memory) } }),
    pids: { limit: PIDS_LIMIT },
  };
}

function mountsOf(pod: Pod, container: Container, context: SpecificationContext): Mount[] {
  const mounts = (container.volumeMounts ?? []).map((mount): Mount => {
    const folder = context.volumes[mount.name];
    if (folder === undefined) {
      throw new FermataError(
        'VolumeMissing',
        `Container ${container.name} of pod ${keyOf(pod)} mounts volume "${mount.name}", which the pod does not have`,
        { nextStep: `Add the volume to spec.volumes, or correct the name in volumeMounts.` },
      );
    }
    return {
      type: 'bind',
      source: sourceOf(pod, mount.name, folder, mount.subPath ?? mount.subPathExpr),
      destination: mount.mountPath,
      options: ['rbind', mount.readOnly === true ? 'ro' : 'rw'],
    };
  });
  if (mounts.some((mount) => normalize(mount.destination) === '/dev/shm') || pod.spec.hostIPC === true) return mounts;
  // Podman's own /dev/shm is a mount from outside, which CRIU leaves out of its images; a tmpfs of the container's it dumps.
  const options = ['nosuid', 'nodev', 'noexec', 'mode=1777', `size=${SHARED_MEMORY_BYTES}`];
  return [...mounts, { type: 'tmpfs', source: 'tmpfs', destination: '/dev/shm', options }];
}

function sourceOf(pod: Pod, volume: string, folder: string, subPath: string | undefined): string {
  if (subPath === undefined || subPath === '') return folder;
  if (isAbsolute(subPath) || normalize(subPath).split('/').includes('..')) {
    throw new FermataError(
      'VolumeMissing',
      `Volume "${volume}" of pod ${keyOf(pod)}: subPath "${subPath}" leads out of the volume`,
      { nextStep: 'Use a relative path without "..".' },
    );
  }
  return join(folder, subPath);
}
