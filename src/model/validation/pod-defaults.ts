import type { Container, PodSpec, Volume } from '../core.ts';
import type { ResourceList } from '../resources.ts';

/** `DefaultTerminationGracePeriodSeconds` of core/v1. */
export const DEFAULT_GRACE_PERIOD_SECONDS = 30;
export const DEFAULT_SCHEDULER_NAME = 'default-scheduler';
const DEFAULT_FILE_MODE = 0o644;
const TOKEN_EXPIRATION_SECONDS = 3600;

type Probe = NonNullable<Container['livenessProbe']>;

/**
 * Fills in what kube-apiserver does (`SetDefaults_Pod` and its kin in pkg/apis/core/v1). Tolerations of unready nodes are
 * admission's business, not done here. Changes `spec`.
 */
export function applyPodDefaults(spec: PodSpec): void {
  spec.restartPolicy ||= 'Always';
  spec.terminationGracePeriodSeconds ??= DEFAULT_GRACE_PERIOD_SECONDS;
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.schedulerName ||= DEFAULT_SCHEDULER_NAME;
  spec.securityContext ??= {};
  spec.enableServiceLinks ??= true;
  if (spec.serviceAccountName) spec.serviceAccount ||= spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  for (const volume of spec.volumes ?? []) applyVolumeDefaults(volume);
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    applyContainerDefaults(container, spec.hostNetwork === true);
  }
}

function applyContainerDefaults(container: Container, hostNetwork: boolean): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image ?? '');
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  const resources = container.resources as { requests?: ResourceList; limits?: ResourceList };
  if (resources.limits !== undefined) resources.requests = { ...resources.limits, ...resources.requests };
  for (const port of container.ports ?? []) {
    port.protocol ||= 'TCP';
    if (hostNetwork) port.hostPort ||= port.containerPort;
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ||= 'v1';
    if (valueFrom?.resourceFieldRef !== undefined) valueFrom.resourceFieldRef.divisor ||= '0';
  }
  applyProbeDefaults(container.livenessProbe);
  applyProbeDefaults(container.readinessProbe);
  applyProbeDefaults(container.startupProbe);
  for (const hook of [container.lifecycle?.postStart, container.lifecycle?.preStop]) applyHttpDefaults(hook?.httpGet);
}

/** Always for the tag `latest`, which is also the tag of an image without one; IfNotPresent for all others. */
function pullPolicyOf(image: string): string {
  const [name = ''] = image.split('@');
  const tag = /:([^/:]+)$/.exec(name)?.[1];
  return (tag === undefined && !image.includes('@')) || tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function applyProbeDefaults(probe: Probe | undefined): void {
  if (probe === undefined) return;
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  applyHttpDefaults(probe.httpGet);
  if (probe.grpc !== undefined) probe.grpc.service ??= '';
}

function applyHttpDefaults(action: Probe['httpGet']): void {
  if (action === undefined) return;
  action.path ||= '/';
  action.scheme ||= 'HTTP';
}

function applyVolumeDefaults(volume: Volume): void {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
  if (volume.hostPath !== undefined) volume.hostPath.type ??= '';
  const { configMap, secret, downwardAPI, projected } = volume;
  for (const source of [configMap, secret, downwardAPI, projected]) {
    if (source !== undefined) source.defaultMode ??= DEFAULT_FILE_MODE;
  }
  for (const file of [
    ...(downwardAPI?.items ?? []),
    ...(projected?.sources ?? []).flatMap(({ downwardAPI: projection }) => projection?.items ?? []),
  ]) {
    if (file.fieldRef !== undefined) file.fieldRef.apiVersion ||= 'v1';
    if (file.resourceFieldRef !== undefined) file.resourceFieldRef.divisor ||= '0';
  }
  for (const { serviceAccountToken } of projected?.sources ?? []) {
    if (serviceAccountToken !== undefined) serviceAccountToken.expirationSeconds ??= TOKEN_EXPIRATION_SECONDS;
  }
}
