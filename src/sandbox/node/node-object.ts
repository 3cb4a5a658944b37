import { rfc3339 } from '../../clock/index.ts';
import {
  type Condition,
  type Draft,
  formatResources,
  type Node,
  type NodeStatus,
  type Resources,
  type Taint,
  withCondition,
} from '../../model/index.ts';
import { HOST_IP } from './defaults.ts';

/** What is fixed about a node while it is up. */
export interface NodeDescription {
  name: string;
  capacity: Resources;
  labels: Readonly<Record<string, string>>;
  taints: readonly Taint[];
  system: NodeSystem;
  kubeletPort?: number;
}

/** `status.nodeInfo`, without what no client of the sandbox reads. */
export interface NodeSystem {
  /** As Go names it: `amd64`, `arm64`. */
  architecture: string;
  operatingSystem: string;
  kernelVersion: string;
  osImage: string;
  containerRuntimeVersion: string;
  kubeletVersion: string;
}

/** How the node fares; what is undefined is fine. */
export interface NodeHealth {
  /** Why no pod can be run: the container engine does not answer. */
  runtimeFailure?: string | undefined;
  memoryPressure?: boolean;
  diskPressure?: boolean;
}

export function ownLabels(description: NodeDescription): Record<string, string> {
  const { name, system, labels } = description;
  return {
    'kubernetes.io/hostname': name,
    'kubernetes.io/arch': system.architecture,
    'kubernetes.io/os': system.operatingSystem,
    ...labels,
  };
}

/** The node as it registers. Taints are given once: what an operator makes of them later is kept. */
export function draftNode(description: NodeDescription): Draft<Node> {
  const { name, taints } = description;
  return {
    metadata: { name, labels: ownLabels(description) },
    spec: taints.length === 0 ? {} : { taints: [...taints] },
  };
}

/** The node's status on top of the current one, whose other conditions stay. Pure. */
export function nodeStatus(
  current: NodeStatus | undefined,
  description: NodeDescription,
  health: NodeHealth,
  now: number,
): NodeStatus {
  const { name, capacity, system } = description;
  const time = rfc3339(now);
  const pressure = (under: boolean | undefined, what: string): Pick<Condition, 'status' | 'reason' | 'message'> =>
    under
      ? {
          status: 'True',
          reason: `KubeletHas${what}Pressure`,
          message: `the machine is short of ${what.toLowerCase()}`,
        }
      : {
          status: 'False',
          reason: `KubeletHasSufficient${what}`,
          message: `the machine has enough ${what.toLowerCase()}`,
        };
  const failure = health.runtimeFailure;
  const own: Condition[] = [
    { type: 'MemoryPressure', ...pressure(health.memoryPressure, 'Memory') },
    { type: 'DiskPressure', ...pressure(health.diskPressure, 'Disk') },
    { type: 'PIDPressure', status: 'False', reason: 'KubeletHasSufficientPID', message: 'the machine has enough PIDs' },
    failure === undefined
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'the node runs pods' }
      : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: `container runtime is down: ${failure}` },
  ];
  let conditions: Condition[] = [...(current?.conditions ?? [])];
  for (const condition of own) {
    conditions = withCondition(conditions, { ...condition, ...heartbeat(time) }, time);
  }
  const amounts = formatResources(capacity);
  return {
    ...current,
    capacity: amounts,
    allocatable: amounts,
    addresses: [
      { type: 'InternalIP', address: HOST_IP },
      { type: 'Hostname', address: name },
    ],
    nodeInfo: {
      ...system,
      bootID: '',
      machineID: '',
      systemUUID: '',
      kubeProxyVersion: '',
    },
    conditions,
  };
}

/** Node conditions alone among conditions carry a heartbeat. */
function heartbeat(time: string): object {
  return { lastHeartbeatTime: time };
}
