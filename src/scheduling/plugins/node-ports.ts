import type { Pod } from '../../model/index.ts';
import { type Cycle, StateKey } from '../framework/cycle.ts';
import type { FilterPlugin, PreFilterPlugin, Rejection } from '../framework/phases.ts';
import type { NodeChange, NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

const IN_USE: Rejection = {
  plugin: 'NodePorts',
  reasons: ["node(s) didn't have free ports for the requested pod ports"],
  resolvable: true,
};
const EVERY_ADDRESS = '0.0.0.0';

interface HostPort {
  readonly port: number;
  readonly protocol: string;
  readonly address: string;
}

const NONE: readonly HostPort[] = [];

interface Wanted {
  readonly ports: readonly HostPort[];
  /** Pods that a trial takes away, and adds. */
  readonly away: Set<string>;
  readonly added: Map<string, PodInfo>;
}

const WANTED = new StateKey<Wanted>('NodePorts');

/**
 * Host ports that no pod of the node has: same port and protocol conflict on the same address, and any address conflicts
 * with 0.0.0.0.
 */
export class NodePorts implements PreFilterPlugin, FilterPlugin {
  readonly name = 'NodePorts';
  readonly reads = 'node';
  readonly hintsRead = 'template';
  readonly hints = {
    NodeChanged: (_pod: PodInfo, { change }: { change: NodeChange }) => change.added,
    RoomFreed: (pod: PodInfo, { pod: gone }: { pod: PodInfo }) => conflict(portsOf(pod), portsOf(gone)),
  };

  preFilter(cycle: Cycle): 'skip' | undefined {
    const ports = portsOf(cycle.pod);
    if (ports.length === 0) return 'skip';
    cycle.write(WANTED, { ports, away: new Set(), added: new Map() });
    return undefined;
  }

  addPod(cycle: Cycle, pod: PodInfo): void {
    const wanted = cycle.read(WANTED);
    if (wanted !== undefined && !wanted.away.delete(pod.uid)) wanted.added.set(pod.uid, pod);
  }

  removePod(cycle: Cycle, pod: PodInfo): void {
    const wanted = cycle.read(WANTED);
    if (wanted !== undefined && !wanted.added.delete(pod.uid)) wanted.away.add(pod.uid);
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    const wanted = cycle.read(WANTED);
    if (wanted === undefined) return undefined;
    const { ports, away, added } = wanted;
    for (const pod of node.pods.values()) if (!away.has(pod.uid) && conflict(ports, portsOf(pod))) return IN_USE;
    for (const pod of added.values()) if (conflict(ports, portsOf(pod))) return IN_USE;
    return undefined;
  }
}

const known = new WeakMap<Pod['spec'], readonly HostPort[]>();

/** Host ports of its containers and sidecars; pods of one template share the list. */
function portsOf({ pod: { spec } }: PodInfo): readonly HostPort[] {
  let ports = known.get(spec);
  if (ports === undefined) {
    const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
    ports = [...spec.containers, ...sidecars].flatMap(({ ports: declared = [] }) =>
      declared.flatMap(({ hostPort = 0, protocol = 'TCP', hostIP = '' }) =>
        hostPort > 0 ? [{ port: hostPort, protocol, address: hostIP === '' ? EVERY_ADDRESS : hostIP }] : [],
      ),
    );
    if (ports.length === 0) ports = NONE;
    known.set(spec, ports);
  }
  return ports;
}

function conflict(wanted: readonly HostPort[], used: readonly HostPort[]): boolean {
  return (
    used.length > 0 &&
    wanted.some((one) =>
      used.some(
        (other) =>
          one.port === other.port &&
          one.protocol === other.protocol &&
          (one.address === other.address || one.address === EVERY_ADDRESS || other.address === EVERY_ADDRESS),
      ),
    )
  );
}
