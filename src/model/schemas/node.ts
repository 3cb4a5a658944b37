import { Type } from 'typebox';
import {
  atomic,
  byType,
  choice,
  described,
  flag,
  integer,
  list,
  mergedSet,
  object,
  open,
  quantities,
  text,
  time,
} from './fields.ts';

export const Taint = object('Taint', 'Keeps away pods that do not tolerate it.', ['effect', 'key'], {
  effect: choice('The effect of the taint on pods that do not tolerate the taint.', [
    'NoSchedule',
    'PreferNoSchedule',
    'NoExecute',
  ]),
  key: text('The taint key to be applied to a node.'),
  timeAdded: time('The time at which the taint was added.'),
  value: text('The taint value corresponding to the taint key.'),
});

export const NodeSpec = object('NodeSpec', 'The attributes that a node is created with.', [], {
  configSource: open('Deprecated; no longer used.'),
  externalID: text('Deprecated.'),
  podCIDR: text('The pod IP range assigned to the node.'),
  podCIDRs: list(Type.String(), 'The IP ranges assigned to the node for usage by Pods on that node.', mergedSet),
  providerID: text(
    'ID of the node assigned by the cloud provider in the format: <ProviderName>://<ProviderSpecificNodeID>.',
  ),
  taints: list(Taint, "If specified, the node's taints.", atomic),
  unschedulable: flag('Whether new pods are kept off the node.'),
});

export const NodeAddress = object('NodeAddress', "Information for the node's address.", ['address', 'type'], {
  address: text('The node address.'),
  type: text('Node address type, one of Hostname, ExternalIP or InternalIP.'),
});

export const NodeCondition = object('NodeCondition', 'Condition information for a node.', ['status', 'type'], {
  lastHeartbeatTime: time('Last time we got an update on a given condition.'),
  lastTransitionTime: time('Last time the condition transit from one status to another.'),
  message: text('Human readable message indicating details about last transition.'),
  reason: text("Brief reason for the condition's last transition."),
  status: text('Status of the condition, one of True, False, Unknown.'),
  type: text('Type of node condition.'),
});

export const NodeSystemInfo = object('NodeSystemInfo', 'A set of ids/uuids to uniquely identify the node.', [], {
  architecture: text('The Architecture reported by the node.'),
  bootID: text('Boot ID reported by the node.'),
  containerRuntimeVersion: text(
    'ContainerRuntime Version reported by the node through runtime remote API (e.g. containerd://1.4.2).',
  ),
  kernelVersion: text("Kernel Version reported by the node from 'uname -r' (e.g. 3.16.0-0.bpo.4-amd64)."),
  kubeProxyVersion: text('KubeProxy Version reported by the node.'),
  kubeletVersion: text('Kubelet Version reported by the node.'),
  machineID: text('MachineID reported by the node.'),
  operatingSystem: text('The Operating System reported by the node.'),
  osImage: text('OS Image reported by the node from /etc/os-release (e.g. Debian GNU/Linux 7 (wheezy)).'),
  systemUUID: text('SystemUUID reported by the node.'),
  swap: open('Swap of the node.'),
});

export const ContainerImage = object('ContainerImage', 'Describe a container image.', [], {
  names: list(Type.String(), 'Names by which this image is known.', atomic),
  sizeBytes: integer('The size of the image in bytes.'),
});

export const AttachedVolume = object('AttachedVolume', 'A volume attached to a node.', [], {
  devicePath: text('The device path where the volume should be available.'),
  name: text('Name of the attached volume.'),
});

export const DaemonEndpoint = object('DaemonEndpoint', 'Information about a single Daemon endpoint.', [], {
  Port: integer('Port number of the given endpoint.'),
});

export const NodeDaemonEndpoints = object(
  'NodeDaemonEndpoints',
  'NodeDaemonEndpoints lists ports opened by daemons running on the Node.',
  [],
  {
    kubeletEndpoint: described(DaemonEndpoint, 'Endpoint on which Kubelet is listening.'),
  },
);

export const NodeRuntimeHandlerFeatures = object('NodeRuntimeHandlerFeatures', 'Features of a runtime handler.', [], {
  recursiveReadOnlyMounts: flag('Whether it can mount read-only recursively.'),
  userNamespaces: flag('Whether it supports user namespaces.'),
});

export const NodeRuntimeHandler = object('NodeRuntimeHandler', 'A runtime handler of the node.', [], {
  name: text('Name; empty for the default.'),
  features: described(NodeRuntimeHandlerFeatures, 'What it can do.'),
});

export const NodeStatus = object('NodeStatus', 'Information about the current status of a node.', [], {
  addresses: list(NodeAddress, 'List of addresses reachable to the node.', byType),
  allocatable: quantities('The resources of a node that are available for scheduling.'),
  capacity: quantities('The total resources of a node.'),
  conditions: list(NodeCondition, 'An array of current observed node conditions.', byType),
  config: open('Deprecated; no longer used.'),
  daemonEndpoints: described(NodeDaemonEndpoints, 'Endpoints of daemons running on the Node.'),
  images: list(ContainerImage, 'List of container images on this node.', atomic),
  nodeInfo: described(NodeSystemInfo, 'Set of ids/uuids to uniquely identify the node.'),
  phase: text('Deprecated; no longer used.'),
  runtimeHandlers: list(NodeRuntimeHandler, 'The available runtime handlers.', atomic),
  volumesAttached: list(AttachedVolume, 'List of volumes that are attached to the node.', atomic),
  volumesInUse: list(Type.String(), 'List of attachable volumes in use (mounted) by the node.', atomic),
  features: open('Features of the container runtime.'),
  declaredFeatures: list(Type.String(), 'Features the node declares.', atomic),
});
