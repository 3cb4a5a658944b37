import { CHECKPOINT_LOWER_PRIORITY, PREEMPTION_POLICY_ANNOTATION } from '../model/index.ts';
import { because, type DeploymentOptions, labelsOf, type Manifest, PART_OF } from './options.ts';

/** The agents need what only `privileged` allows; everything else here would pass `restricted`. */
export function ownNamespace({ namespace }: DeploymentOptions): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: namespace,
      labels: { ...PART_OF, 'pod-security.kubernetes.io/enforce': 'privileged' },
    },
  };
}

export function priorityClasses(): Manifest[] {
  const priorityClass = (
    name: string,
    value: number,
    description: string,
    annotations?: Record<string, string>,
  ): Manifest => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name, labels: PART_OF, ...(annotations !== undefined && { annotations }) },
    value,
    description,
    // What the annotation allows is Fermata's scheduler's alone; an API server knows no third policy.
    preemptionPolicy: annotations === undefined ? 'Never' : 'PreemptLowerPriority',
  });
  const may = { [PREEMPTION_POLICY_ANNOTATION]: CHECKPOINT_LOWER_PRIORITY };
  return [
    priorityClass('fermata-urgent', 100_000, 'Starts at once: lower ones make way by checkpoint, and come back.', may),
    priorityClass('fermata-interruptible', -1_000, 'Runs where there is room, and makes way for everything else.'),
  ];
}

/** Only for pods of the cluster's own network; the agents are on their nodes'. */
export function networkPolicies({ namespace }: DeploymentOptions): Manifest[] {
  const policy = (name: string, spec: object): Manifest => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, labels: PART_OF },
    spec,
  });
  return [
    policy('fermata', {
      podSelector: { matchLabels: PART_OF },
      policyTypes: ['Ingress'],
      ingress: [because('health checks and Prometheus', { ports: [{ port: 8081, protocol: 'TCP' }] })],
    }),
    policy('fermata-webhook', {
      podSelector: { matchLabels: labelsOf('webhook') },
      policyTypes: ['Ingress'],
      ingress: [
        because('the API server, whose address no selector names', { ports: [{ port: 9443, protocol: 'TCP' }] }),
      ],
    }),
  ];
}

/** For the Prometheus operator; other Prometheis find the Service `fermata-metrics`. */
export function serviceMonitor({ namespace }: DeploymentOptions): Manifest {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata: { name: 'fermata', namespace, labels: PART_OF },
    spec: {
      selector: { matchLabels: PART_OF },
      endpoints: [{ port: 'metrics', interval: '30s' }],
    },
  };
}
