import { Type } from 'typebox';
import { Affinity, Toleration, TopologySpreadConstraint } from './affinity.ts';
import { Container, EphemeralContainer, ResourceRequirements } from './container.ts';
import {
  atomic,
  byName,
  choice,
  described,
  flag,
  integer,
  list,
  mergedBy,
  object,
  open,
  quantities,
  text,
  textMap,
} from './fields.ts';
import { LocalObjectReference } from './reference.ts';
import { PodSecurityContext } from './security.ts';
import { Volume } from './volume.ts';

export const PodDNSConfigOption = object('PodDNSConfigOption', 'DNS resolver options of a pod.', [], {
  name: text('Required.'),
  value: text('Its value.'),
});

export const PodDNSConfig = object(
  'PodDNSConfig',
  'The DNS parameters of a pod in addition to those generated from DNSPolicy.',
  [],
  {
    nameservers: list(Type.String(), 'A list of DNS name server IP addresses.', atomic),
    options: list(PodDNSConfigOption, 'A list of DNS resolver options.', atomic),
    searches: list(Type.String(), 'A list of DNS search domains for host-name lookup.', atomic),
  },
);

export const HostAlias = object(
  'HostAlias',
  "The mapping between IP and hostnames that will be injected as an entry in the pod's hosts file.",
  [],
  {
    hostnames: list(Type.String(), 'Hostnames for the above IP address.', atomic),
    ip: text('IP address of the host file entry.'),
  },
);

export const PodOS = object('PodOS', 'The OS parameters of a pod.', ['name'], {
  name: choice('The name of the operating system.', ['linux', 'windows']),
});

export const PodReadinessGate = object('PodReadinessGate', 'The reference to a pod condition.', ['conditionType'], {
  conditionType: text("A condition in the pod's condition list with matching type."),
});

export const PodResourceClaim = object('PodResourceClaim', 'A ResourceClaim the pod needs.', ['name'], {
  name: text('Name uniquely identifies this resource claim inside the pod.'),
  resourceClaimName: text('Name of a ResourceClaim in the namespace of the pod.'),
  resourceClaimTemplateName: text('Name of a ResourceClaimTemplate in the namespace of the pod.'),
});

export const PodSchedulingGate = object('PodSchedulingGate', 'Associated to a Pod to guard its scheduling.', ['name'], {
  name: text('Name of the scheduling gate.'),
});

export const PodSpec = object('PodSpec', 'A description of a pod.', ['containers'], {
  activeDeadlineSeconds: integer('Seconds after its start after which the pod fails.'),
  affinity: described(Affinity, "If specified, the pod's scheduling constraints."),
  automountServiceAccountToken: flag('Whether a service account token should be automatically mounted.'),
  containers: list(Container, 'List of containers belonging to the pod.', byName),
  dnsConfig: described(PodDNSConfig, 'Specifies the DNS parameters of a pod.'),
  dnsPolicy: choice('Set DNS policy for the pod.', ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']),
  enableServiceLinks: flag(
    "Whether information about services should be injected into pod's environment variables, matching the syntax of Docker links.",
  ),
  ephemeralContainers: list(EphemeralContainer, 'List of ephemeral containers run in this pod.', byName),
  hostAliases: list(
    HostAlias,
    "An optional list of hosts and IPs that will be injected into the pod's hosts file if specified.",
    mergedBy('ip'),
  ),
  hostIPC: flag("Use the host's ipc namespace."),
  hostNetwork: flag('Host networking requested for this pod.'),
  hostPID: flag("Use the host's pid namespace."),
  hostUsers: flag("Use the host's user namespace."),
  hostname: text(
    "Specifies the hostname of the Pod If not specified, the pod's hostname will be set to a system-defined value.",
  ),
  imagePullSecrets: list(
    LocalObjectReference,
    'An optional list of references to secrets in the same namespace to use for pulling any of the images used by this PodSpec.',
    byName,
  ),
  initContainers: list(Container, 'List of initialization containers belonging to the pod.', byName),
  nodeName: text('A request to schedule this pod onto a specific node.'),
  nodeSelector: textMap('A selector which must be true for the pod to fit on a node.'),
  os: described(PodOS, 'Specifies the OS of the containers in the pod.'),
  overhead: quantities('The resource overhead associated with running a pod for a given RuntimeClass.'),
  preemptionPolicy: choice('The Policy for preempting pods with lower priority.', [
    'PreemptLowerPriority',
    'Never',
    'CheckpointLowerPriority',
  ]),
  priority: integer('The priority value.'),
  priorityClassName: text("If specified, indicates the pod's priority."),
  readinessGates: list(
    PodReadinessGate,
    'If specified, all readiness gates will be evaluated for pod readiness.',
    atomic,
  ),
  resourceClaims: list(
    PodResourceClaim,
    'Which ResourceClaims must be allocated and reserved before the Pod is allowed to start.',
    mergedBy('name', ['name'], 'merge,retainKeys'),
  ),
  restartPolicy: choice('Restart policy for all containers within the pod.', ['Always', 'OnFailure', 'Never']),
  runtimeClassName: text('A RuntimeClass object in the node.k8s.io group, which should be used to run this pod.'),
  schedulerName: text('If specified, the pod will be dispatched by specified scheduler.'),
  schedulingGates: list(
    PodSchedulingGate,
    'An opaque list of values that if specified will block scheduling the pod.',
    byName,
  ),
  securityContext: described(PodSecurityContext, 'Pod-level security attributes and common container settings.'),
  serviceAccount: text('DeprecatedServiceAccount is a deprecated alias for ServiceAccountName.'),
  serviceAccountName: text('The name of the ServiceAccount to use to run this pod.'),
  setHostnameAsFQDN: flag(
    "If true the pod's hostname will be configured as the pod's FQDN, rather than the leaf name (the default).",
  ),
  shareProcessNamespace: flag('Share a single process namespace between all of the containers in a pod.'),
  subdomain: text(
    'If specified, the fully qualified Pod hostname will be "<hostname>.<subdomain>.<pod namespace>.svc.<cluster domain>".',
  ),
  terminationGracePeriodSeconds: integer('Duration in seconds the pod needs to terminate gracefully.'),
  tolerations: list(Toleration, "If specified, the pod's tolerations.", atomic),
  topologySpreadConstraints: list(
    TopologySpreadConstraint,
    'How a group of pods ought to spread across topology domains.',
    mergedBy('topologyKey', ['topologyKey', 'whenUnsatisfiable']),
  ),
  volumes: list(
    Volume,
    'List of volumes that can be mounted by containers belonging to the pod.',
    mergedBy('name', ['name'], 'merge,retainKeys'),
  ),
  resources: described(ResourceRequirements, 'Resources of all containers together; Kubernetes 1.32 and later.'),
  hostnameOverride: text('Hostname of the pod, whatever its name; Kubernetes 1.34 and later.'),
  workloadRef: open('The Workload the pod is part of; Kubernetes 1.35 and later.'),
});
