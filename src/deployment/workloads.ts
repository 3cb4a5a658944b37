import { type DeploymentOptions, HEALTH_PORTS, labelsOf, type Manifest, PART_OF, type RoleName } from './options.ts';

const WEBHOOK_PORT = 9443;
/** For lists of a whole cluster; measured figures: docs/performance.md. */
const RESOURCES: Readonly<Record<RoleName, { cpu: string; memory: string }>> = {
  scheduler: { cpu: '100m', memory: '128Mi' },
  controller: { cpu: '50m', memory: '128Mi' },
  webhook: { cpu: '50m', memory: '96Mi' },
  agent: { cpu: '50m', memory: '96Mi' },
};

/**
 * Deployments of the roles that decide, the DaemonSet of those that act, and the Service by which the webhook is reached. Ports
 * name their protocol: server-side apply of older servers tells them apart by it.
 */
export function workloads(options: DeploymentOptions): Manifest[] {
  const { namespace, replicas, schedulerName } = options;
  return [
    deployment(options, 'scheduler', replicas.scheduler, ['--scheduler-name', schedulerName]),
    deployment(options, 'controller', replicas.controller, []),
    deployment(
      options,
      'webhook',
      replicas.webhook,
      ['--port', String(WEBHOOK_PORT), '--scheduler-name', schedulerName],
      {
        ports: [{ name: 'webhook', containerPort: WEBHOOK_PORT, protocol: 'TCP' }],
      },
    ),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'fermata-webhook', namespace, labels: labelsOf('webhook') },
      spec: {
        selector: labelsOf('webhook'),
        ports: [{ name: 'webhook', port: 443, targetPort: 'webhook', protocol: 'TCP' }],
      },
    },
    daemonSet(options),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'fermata-metrics', namespace, labels: PART_OF },
      spec: {
        clusterIP: 'None',
        selector: PART_OF,
        ports: [{ name: 'metrics', port: 8081, targetPort: 'metrics', protocol: 'TCP' }],
      },
    },
  ];
}

function deployment(
  options: DeploymentOptions,
  role: RoleName,
  replicas: number,
  flags: readonly string[],
  extra: { ports?: object[] } = {},
): Manifest {
  const labels = labelsOf(role);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `fermata-${role}`, namespace: options.namespace, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: `fermata-${role}`,
          priorityClassName: 'system-cluster-critical',
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65532,
            runAsGroup: 65532,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [
            {
              ...container(options, role, flags, extra.ports),
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
            },
          ],
          // Replicas on one node would go together.
          affinity: {
            podAntiAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                {
                  weight: 100,
                  podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } },
                },
              ],
            },
          },
        },
      },
    },
  };
}

function daemonSet(options: DeploymentOptions): Manifest {
  const labels = labelsOf('agent');
  const { agentParts } = options;
  const flags = [
    '--host-root',
    '/host',
    '--directory',
    options.agentDirectory,
    ...agentParts.flatMap((part) => part.flags),
  ];
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'fermata-agent', namespace: options.namespace, labels },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: 'fermata-agent',
          priorityClassName: 'system-node-critical',
          // It stops the processes of a victim, and hands checkpoints to the container runtime on the node's loopback address.
          hostPID: true,
          hostNetwork: true,
          dnsPolicy: 'ClusterFirstWithHostNet',
          tolerations: [{ operator: 'Exists' }],
          containers: [
            {
              ...container(options, 'agent', flags),
              env: [
                { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
                ...agentParts.flatMap((part) => part.env),
              ],
              securityContext: { privileged: true, runAsUser: 0 },
              volumeMounts: [
                { name: 'host', mountPath: '/host', mountPropagation: 'HostToContainer' },
                ...agentParts.flatMap((part) => part.volumeMounts),
              ],
            },
          ],
          volumes: [{ name: 'host', hostPath: { path: '/' } }, ...agentParts.flatMap((part) => part.volumes)],
        },
      },
    },
  };
}

function container(
  { image }: DeploymentOptions,
  role: RoleName,
  flags: readonly string[],
  ports: readonly object[] = [],
): Record<string, unknown> {
  const port = HEALTH_PORTS[role];
  const probe = (path: string): object => ({
    httpGet: { path, port: 'metrics' },
    periodSeconds: 10,
    timeoutSeconds: 5,
  });
  return {
    name: role,
    image,
    args: [role, '--health-address', `:${port}`, ...flags],
    ports: [...ports, { name: 'metrics', containerPort: port, protocol: 'TCP' }],
    livenessProbe: { ...probe('/healthz'), initialDelaySeconds: 10 },
    readinessProbe: probe('/readyz'),
    resources: { requests: RESOURCES[role] },
  };
}
