import { CHECKPOINTABLE_CONDITION, conditionOf, type Node, type Pod } from '../../model/index.ts';
import { isHostDevice } from '../snapshot/host-device.ts';

/** The first minor version, ×1000 added to the major one's, with CRI's `CheckpointContainer` and a way back from it. */
const FIRST_VERSIONS: Readonly<Record<string, number>> = { containerd: 2_001, 'cri-o': 1_025 };

/**
 * Why no dump of the pod can succeed, as far as its spec and what the agent saw of its processes tell; undefined: nothing is
 * known against it. CRIU dumps no state of a device it has no plugin for.
 */
export function hindranceOfPod({ spec, status }: Pod): string | undefined {
  const seen = conditionOf(status?.conditions, CHECKPOINTABLE_CONDITION);
  if (seen?.status === 'False') return seen.message ?? seen.reason ?? 'its node says so';
  const volume = spec.volumes?.find(isHostDevice);
  if (volume !== undefined) return `volume ${volume.name} is the device ${volume.hostPath?.path} of its node`;
  for (const { name, volumeDevices = [] } of spec.containers) {
    const [device] = volumeDevices;
    if (device !== undefined)
      return `container ${name} has volume ${device.name} as the block device ${device.devicePath}`;
  }
  return undefined;
}

/** Why no pod of the node can be checkpointed, by what its kubelet says of the container runtime; undefined: nothing is known. */
export function hindranceOfNode(node: Node): string | undefined {
  const version = node.status?.nodeInfo?.containerRuntimeVersion ?? '';
  const [, runtime = '', major, minor] = /^([\w-]+):\/\/v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (runtime === 'docker') return `${version} on node ${node.metadata.name} does not checkpoint for a kubelet`;
  const first = FIRST_VERSIONS[runtime];
  if (first === undefined || Number(major) * 1_000 + Number(minor) >= first) return undefined;
  return `${version} on node ${node.metadata.name} is too old to checkpoint`;
}
