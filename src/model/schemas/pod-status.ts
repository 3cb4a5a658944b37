import { Type } from 'typebox';
import { ResourceRequirements } from './container.ts';
import {
  atomic,
  byType,
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
  time,
} from './fields.ts';

export const PodCondition = object('PodCondition', 'One condition of a pod.', ['status', 'type'], {
  lastProbeTime: time('Last time we probed the condition.'),
  lastTransitionTime: time('Last time the condition transitioned from one status to another.'),
  message: text('Human-readable message indicating details about last transition.'),
  reason: text("Unique, one-word, CamelCase reason for the condition's last transition."),
  status: text('The status of the condition.'),
  type: text('The type of the condition.'),
  observedGeneration: integer('Generation of the pod the condition is about.'),
});

export const PodIP = object('PodIP', 'A single IP address allocated to the pod.', [], {
  ip: text('The IP address assigned to the pod.'),
});

export const HostIP = object('HostIP', 'A single IP address allocated to the host.', [], {
  ip: text('The IP address assigned to the host.'),
});

export const ContainerStateWaiting = object('ContainerStateWaiting', 'A waiting state of a container.', [], {
  message: text('Message regarding why the container is not yet running.'),
  reason: text('Brief reason the container is not yet running.'),
});

export const ContainerStateRunning = object('ContainerStateRunning', 'A running state of a container.', [], {
  startedAt: time('Time at which the container was last (re-)started.'),
});

export const ContainerStateTerminated = object('ContainerStateTerminated', 'A terminated state of a container.', [], {
  containerID: text("Container's ID in the format '<type>://<container_id>'."),
  exitCode: integer('Exit status from the last termination of the container.'),
  finishedAt: time('Time at which the container last terminated.'),
  message: text('Message regarding the last termination of the container.'),
  reason: text('Brief reason from the last termination of the container.'),
  signal: integer('Signal from the last termination of the container.'),
  startedAt: time('Time at which previous execution of the container started.'),
});

export const ContainerState = object('ContainerState', 'State of a container; exactly one member is set.', [], {
  running: described(ContainerStateRunning, 'Details about a running container.'),
  terminated: described(ContainerStateTerminated, 'Details about a terminated container.'),
  waiting: described(ContainerStateWaiting, 'Details about a waiting container.'),
});

export const VolumeMountStatus = object('VolumeMountStatus', 'Status of a volume mount.', ['name', 'mountPath'], {
  name: text('Name of the volume.'),
  mountPath: text('Where it is mounted.'),
  readOnly: flag('Whether it is mounted read-only.'),
  recursiveReadOnly: text('Whether mounts below it are read-only too.'),
  volumeStatus: open('Status of the volume itself.'),
});

export const ContainerStatus = object(
  'ContainerStatus',
  'Details for the current status of this container.',
  ['name'],
  {
    allocatedResources: quantities('The compute resources allocated for this container by the node.'),
    containerID: text("The ID of the container in the format '<type>://<container_id>'."),
    image: text('The name of container image that the container is running.'),
    imageID: text("The image ID of the container's image."),
    lastState: described(ContainerState, 'How the container ended last.'),
    name: text('A DNS_LABEL representing the unique name of the container.'),
    ready: flag('Whether the readiness probe passes.'),
    resources: described(ResourceRequirements, 'Requests and limits in effect.'),
    restartCount: integer('The number of times the container has been restarted.'),
    started: flag('Whether the container has finished its postStart lifecycle hook and passed its startup probe.'),
    state: described(ContainerState, "Details about the container's current condition."),
    volumeMounts: list(VolumeMountStatus, 'Status of volume mounts.', mergedBy('mountPath')),
    user: open('Identity the first process runs as.'),
    allocatedResourcesStatus: list(Type.Unknown(), 'Health of allocated devices.', atomic),
    stopSignal: text('Signal that stops the container.'),
  },
);

export const PodResourceClaimStatus = object(
  'PodResourceClaimStatus',
  'Stored in the PodStatus for each PodResourceClaim which references a ResourceClaimTemplate.',
  ['name'],
  {
    name: text('Name uniquely identifies this resource claim inside the pod.'),
    resourceClaimName: text(
      'The name of the ResourceClaim that was generated for the Pod in the namespace of the Pod.',
    ),
  },
);

export const PodStatus = object('PodStatus', 'Information about the status of a pod.', [], {
  conditions: list(PodCondition, 'Current service state of pod.', byType),
  containerStatuses: list(ContainerStatus, 'The list has one entry per container in the manifest.', atomic),
  ephemeralContainerStatuses: list(
    ContainerStatus,
    'Status for any ephemeral containers that have run in this pod.',
    atomic,
  ),
  hostIP: text('The IP address of the host to which the pod is assigned.'),
  hostIPs: list(HostIP, 'The IP addresses allocated to the host.', mergedBy('ip')),
  initContainerStatuses: list(ContainerStatus, 'The list has one entry per init container in the manifest.', atomic),
  message: text('For people: why the pod is in this state.'),
  nominatedNodeName: text('Node on which room is made for the pod.'),
  phase: choice('Where the pod is in its life.', ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']),
  podIP: text('PodIP address allocated to the pod.'),
  podIPs: list(PodIP, 'The IP addresses allocated to the pod.', mergedBy('ip')),
  qosClass: text('Guaranteed, Burstable or BestEffort.'),
  reason: text('One word: why the pod is in this state.'),
  resize: text("Status of resources resize desired for pod's containers."),
  resourceClaimStatuses: list(
    PodResourceClaimStatus,
    'Status of resource claims.',
    mergedBy('name', ['name'], 'merge,retainKeys'),
  ),
  startTime: time('RFC 3339 date and time at which the object was acknowledged by the Kubelet.'),
  observedGeneration: integer('Generation of the pod the status is about.'),
  extendedResourceClaimStatus: open('Claim made for extended resources.'),
  allocatedResources: quantities('Resources allocated to the pod as a whole.'),
  resources: described(ResourceRequirements, 'Resources in effect for the pod as a whole.'),
});
