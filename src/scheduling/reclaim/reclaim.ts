import type { Cycle } from '../framework/cycle.ts';
import type { FilterPlugin, Gate, PreEnqueuePlugin, PreFilterPlugin, Rejection } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { SnapshotListener } from '../snapshot/snapshot-listener.ts';
import { NodeUse } from './node-use.ts';
import { opportunismOf, wantsOf } from './opportunistic.ts';
import { relieve } from './relief.ts';
import type { Usage } from './usage-window.ts';

export interface ReclaimOptions {
  /** How far back peaks count, and for how long a pod must have been watched. Default 600 s. */
  readonly windowSeconds?: number;
  /** What others may use beyond their peak before it is counted as theirs, as part of the peak. Default 0.15. */
  readonly margin?: number;
}

export interface ReclaimDependencies {
  /** What it costs to checkpoint the pod, node-seconds. */
  readonly costOf: (pod: PodInfo, node: NodeInfo) => number;
  /** Whether the pod is on its way out already. */
  readonly isLeaving: (pod: PodInfo) => boolean;
  /** Whether a dump can be tried now: it runs, and none failed lately. */
  readonly canDump: (pod: PodInfo, now: number) => boolean;
  /** How long a workload that was interrupted stays away, ms: grows with every interruption. */
  readonly protectionOf: (workload: string, now: number) => number;
}

/** Opportunistic pods that have to go, and why. */
export interface Pressure {
  readonly node: NodeInfo;
  readonly victims: readonly PodInfo[];
  /** What opportunistic pods want there, and what is left to them. */
  readonly wanted: Usage;
  readonly left: Usage;
}

const DEFAULT_WINDOW_SECONDS = 600;
const DEFAULT_MARGIN = 0.15;

/**
 * Lets opportunistic pods use what ordinary ones requested and do not use, and takes it back as soon as they do: ordinary
 * pods are scheduled as if the others were not there. (Koordinator's batch resources, with checkpoints in place of
 * evictions.)
 */
export class Reclaim implements PreEnqueuePlugin, PreFilterPlugin, FilterPlugin, SnapshotListener {
  readonly name = 'Reclaim';
  readonly hints = {
    NodeChanged: isOpportunistic,
    RoomFreed: isOpportunistic,
    PlacedPodChanged: isOpportunistic,
  };
  readonly #use: NodeUse;
  readonly #windowMs: number;
  readonly #dependencies: ReclaimDependencies;
  /** Nodes with opportunistic pods, by name. */
  readonly #nodes = new Map<string, NodeInfo>();
  readonly #dirty = new Set<NodeInfo>();
  #nextSweep = Infinity;

  constructor(dependencies: ReclaimDependencies, options: ReclaimOptions = {}) {
    this.#dependencies = dependencies;
    this.#windowMs = (options.windowSeconds ?? DEFAULT_WINDOW_SECONDS) * 1_000;
    this.#use = new NodeUse(this.#windowMs, options.margin ?? DEFAULT_MARGIN);
  }

  /** What the processes of a placed pod consume: millicores and bytes. */
  observe(pod: PodInfo, usage: Usage, now: number): void {
    this.#use.observe(pod.uid, usage, now);
    this.#touch(pod.nodeName);
  }

  forgetPod(podUID: string): void {
    this.#use.forget(podUID);
  }

  /** One that had to give way stays away the longer, the oftener that happened. */
  preEnqueue(pod: PodInfo, now: number): Gate | undefined {
    if (pod.restoreFrom === undefined || pod.createdAt === undefined || wantsOf(pod) === undefined) return undefined;
    const until = pod.createdAt + this.#dependencies.protectionOf(pod.workload, now);
    if (until <= now) return undefined;
    return { plugin: this.name, message: 'gave way to others not long ago; it comes back later', until };
  }

  preFilter(cycle: Cycle): Rejection | 'skip' | undefined {
    const opportunism = opportunismOf(cycle.pod);
    if (opportunism === undefined) return 'skip';
    if (!('invalid' in opportunism)) return undefined;
    return { plugin: this.name, reasons: [opportunism.invalid], resolvable: false };
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    const wants = wantsOf(cycle.pod);
    if (wants === undefined) return undefined;
    const left = this.#use.leftOf(node, cycle.now);
    const wanted = wantedOn(node);
    const reasons: string[] = [];
    if (wants.cpu > 0 && wanted.cpu + wants.cpu > left.cpu) reasons.push('Insufficient unused cpu');
    if (wants.memory > 0 && wanted.memory + wants.memory > left.memory) reasons.push('Insufficient unused memory');
    // Nobody is interrupted for an opportunistic pod.
    return reasons.length === 0 ? undefined : { plugin: this.name, reasons, resolvable: false };
  }

  podPlaced(pod: PodInfo, node: NodeInfo): void {
    if (wantsOf(pod) !== undefined) this.#nodes.set(node.name, node);
    this.#touch(node.name);
  }

  podDisplaced(_pod: PodInfo, node: NodeInfo): void {
    this.#touch(node.name);
  }

  nodeChanged(node: NodeInfo): void {
    this.#touch(node.name);
  }

  nodeRemoved(node: NodeInfo): void {
    this.#nodes.delete(node.name);
    this.#dirty.delete(node);
  }

  /**
   * Where opportunistic pods have more than is left to them, and who has to go. Those on their way out count as gone; one
   * that cannot be dumped now is asked for again later.
   */
  pressures(now: number): Pressure[] {
    if (now >= this.#nextSweep) for (const node of this.#nodes.values()) this.#dirty.add(node);
    const pressures: Pressure[] = [];
    for (const node of [...this.#dirty].sort((one, other) => (one.name < other.name ? -1 : 1))) {
      this.#dirty.delete(node);
      const pressure = this.#pressureOn(node, now);
      if (pressure !== undefined) pressures.push(pressure);
    }
    // Peaks fade, and measurements that cease stop to count, by time alone.
    this.#nextSweep = this.#nodes.size === 0 ? Infinity : now + this.#windowMs / 10;
    return pressures;
  }

  /** When time alone makes {@link pressures} worth asking for; Infinity without opportunistic pods. */
  nextSweep(): number {
    return this.#nextSweep;
  }

  #pressureOn(node: NodeInfo, now: number): Pressure | undefined {
    const { isLeaving, canDump, costOf } = this.#dependencies;
    const present = [...node.pods.values()].filter((pod) => wantsOf(pod) !== undefined);
    if (present.length === 0) {
      this.#nodes.delete(node.name);
      return undefined;
    }
    const left = this.#use.leftOf(node, now);
    const room = { ...left };
    const yielders = [];
    for (const pod of present) {
      const wants = wantsOf(pod);
      if (wants === undefined || isLeaving(pod)) continue;
      if (canDump(pod, now)) {
        yielders.push({ id: pod.uid, pod, priority: pod.priority, cost: costOf(pod, node), wants });
      } else {
        room.cpu -= wants.cpu;
        room.memory -= wants.memory;
      }
    }
    const victims = relieve(yielders, room).map(({ pod }) => pod);
    if (victims.length === 0) return undefined;
    return { node, victims, wanted: wantedOn(node), left };
  }

  #touch(nodeName: string | undefined): void {
    const node = nodeName === undefined ? undefined : this.#nodes.get(nodeName);
    if (node !== undefined) this.#dirty.add(node);
  }
}

function isOpportunistic(pod: PodInfo): boolean {
  return opportunismOf(pod) !== undefined;
}

function wantedOn(node: NodeInfo): Usage {
  const wanted = { cpu: 0, memory: 0 };
  for (const pod of node.pods.values()) {
    const wants = wantsOf(pod);
    wanted.cpu += wants?.cpu ?? 0;
    wanted.memory += wants?.memory ?? 0;
  }
  return wanted;
}
