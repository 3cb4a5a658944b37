import { DEFAULT_CHECKPOINT_TIMEOUT_SECONDS, MAX_CONCURRENT_DUMPS_PER_NODE } from '../constants.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { SnapshotListener } from '../snapshot/snapshot-listener.ts';
import { hindranceOfNode } from './checkpointability.ts';
import type { CostModel } from './cost.ts';
import type { Departures } from './departures.ts';
import type { FactListener } from './fact-changes.ts';
import type { PreemptionMode } from './preemption-mode.ts';
import type { Permission, VictimRules } from './victim-rules.ts';
import { type VictimNumbers, VictimTable } from './victim-table.ts';

/** A pod that may be interrupted, with what that costs as far as it does not depend on the hour. */
export interface PotentialVictim extends VictimNumbers {
  readonly pod: PodInfo;
  readonly permission: Permission;
}

/** A pod on its way out. */
export interface LeavingPod {
  readonly pod: PodInfo;
  /** ms since the epoch by which its room should be free; undefined: just ordered. */
  readonly deadline: number | undefined;
}

/** A pod to which one or both actions are not permitted. */
export interface HinderedPod {
  readonly pod: PodInfo;
  readonly permission: Permission;
}

/** Nobody is hindered. One array for all nodes, so that a plan over thousands of them need not look into each. */
export const NOBODY: readonly HinderedPod[] = [];

/** What the pods of one node offer to those who need room there. */
export interface NodeVictims {
  /** Lowest priority first. */
  readonly victims: readonly PotentialVictim[];
  /** The same as numbers. */
  readonly table: VictimTable;
  /** Pods to which one or both actions are not permitted, lowest priority first. */
  readonly hindered: readonly HinderedPod[];
  readonly leaving: readonly LeavingPod[];
  /** Whether no cost depends on the hour: termination is permitted for none. */
  readonly isTimeless: boolean;
  /** Dumps under way. */
  readonly dumping: number;
  /** When time alone changes what is permitted, ms since the epoch. */
  readonly validUntil: number;
}

export interface VictimIndexDependencies {
  departures: Departures;
  rules: VictimRules;
  costs: CostModel;
  /** Where the pod takes room. */
  nodeOf: (podUID: string) => NodeInfo | undefined;
  nodeNamed: (name: string) => NodeInfo | undefined;
}

type Mode = Exclude<PreemptionMode, 'Never'>;

/**
 * Per node, its possible victims by priority with permissions and costs, worked out once and kept until something they rest
 * on changes: the node's pods, orders and checkpoints of theirs, what was measured or recorded of their workloads, policies,
 * or the time. A plan over thousands of nodes then looks at each only to compare numbers.
 */
export class VictimIndex implements SnapshotListener, FactListener {
  readonly #dependencies: VictimIndexDependencies;
  /** By slot of the node. */
  readonly #known: Record<Mode, (NodeVictims | undefined)[]> = {
    CheckpointLowerPriority: [],
    PreemptLowerPriority: [],
  };
  /** The node of each pod of a workload: normally it has one pod, and then there is no array around it. */
  readonly #nodesByWorkload = new Map<string, NodeInfo | NodeInfo[]>();
  #timedPods = 0;

  constructor(dependencies: VictimIndexDependencies) {
    this.#dependencies = dependencies;
  }

  of(node: NodeInfo, mode: Mode, now: number): NodeVictims {
    const known = this.#known[mode][node.slot];
    if (known !== undefined && now < known.validUntil) return known;
    const fresh = this.#survey(node, mode, now);
    this.#known[mode][node.slot] = fresh;
    return fresh;
  }

  nodeOf(pod: PodInfo): NodeInfo | undefined {
    return this.#dependencies.nodeOf(pod.uid);
  }

  /** Whether any running pod has a known natural end. */
  get hasTimedPods(): boolean {
    return this.#timedPods > 0;
  }

  podPlaced(pod: PodInfo, node: NodeInfo): void {
    if (pod.endsAt !== undefined) this.#timedPods += 1;
    this.#forget(node);
    const { workload } = pod;
    const others = this.#nodesByWorkload.get(workload);
    if (others === undefined) this.#nodesByWorkload.set(workload, node);
    else if (Array.isArray(others)) others.push(node);
    else this.#nodesByWorkload.set(workload, [others, node]);
  }

  podDisplaced(pod: PodInfo, node: NodeInfo): void {
    if (pod.endsAt !== undefined) this.#timedPods -= 1;
    this.#forget(node);
    const nodes = this.#nodesByWorkload.get(pod.workload);
    if (Array.isArray(nodes) && nodes.length > 1) nodes.splice(nodes.indexOf(node), 1);
    else this.#nodesByWorkload.delete(pod.workload);
  }

  /** A node of the cluster ({@link SnapshotListener}), or by name ({@link FactListener}). */
  nodeChanged(node: NodeInfo | string): void {
    const info = typeof node === 'string' ? this.#dependencies.nodeNamed(node) : node;
    if (info !== undefined) this.#forget(info);
  }

  nodeRemoved(node: NodeInfo): void {
    this.#forget(node);
  }

  podChanged(uid: string): void {
    const node = this.#dependencies.nodeOf(uid);
    if (node !== undefined) this.#forget(node);
  }

  workloadChanged(workload: string): void {
    const nodes = this.#nodesByWorkload.get(workload);
    if (Array.isArray(nodes)) for (const node of nodes) this.#forget(node);
    else if (nodes !== undefined) this.#forget(nodes);
  }

  everythingChanged(): void {
    this.#known.CheckpointLowerPriority.length = 0;
    this.#known.PreemptLowerPriority.length = 0;
  }

  #forget({ slot }: NodeInfo): void {
    this.#known.CheckpointLowerPriority[slot] = undefined;
    this.#known.PreemptLowerPriority[slot] = undefined;
  }

  #survey(node: NodeInfo, mode: Mode, now: number): NodeVictims {
    const { departures } = this.#dependencies;
    const leaving: LeavingPod[] = [];
    const staying: PodInfo[] = [];
    let dumping = 0;
    let validUntil = Infinity; // speed
    for (const pod of node.pods.values()) {
      const departure = departures.of(pod);
      if (departure === undefined) {
        staying.push(pod);
        continue;
      }
      if (departures.isDumping(pod)) dumping += 1;
      const { deadline } = departure;
      leaving.push({ pod, deadline });
      // The first moment at which it is overdue.
      if (deadline !== undefined && deadline >= now) validUntil = Math.min(validUntil, deadline + 1);
    }
    if (!staying.every(isInOrder)) staying.sort(inOrder); // speed
    const victims: PotentialVictim[] = [];
    let hindered: HinderedPod[] | undefined;
    for (const pod of staying) {
      const permission = this.permissionFor(pod, node, { mode, dumping, now });
      if (permission.recheckAt !== undefined) validUntil = Math.min(validUntil, permission.recheckAt);
      if (permission.excluded !== undefined) {
        hindered ??= [];
        hindered.push({ pod, permission });
      }
      if (permission.checkpoint || permission.terminate) victims.push(this.#victim(pod, node, permission, dumping));
    }
    const isTimeless = !victims.some(({ permission }) => permission.terminate);
    const table = new VictimTable(victims);
    return { victims, table, isTimeless, hindered: hindered ?? NOBODY, leaving, dumping, validUntil };
  }

  /** What may be done to the pod, the dumps under way on its node counted. */
  permissionFor(
    pod: PodInfo,
    node: NodeInfo,
    { mode, dumping, now }: { mode: Mode; dumping: number; now: number },
  ): Permission {
    const permission = this.#dependencies.rules.permissionFor(pod, mode, now);
    if (!permission.checkpoint) return permission;
    const unable = node.node === undefined ? undefined : hindranceOfNode(node.node);
    if (unable !== undefined)
      return { ...permission, checkpoint: false, excluded: `cannot be checkpointed: ${unable}` };
    if (dumping >= MAX_CONCURRENT_DUMPS_PER_NODE) {
      return { ...permission, checkpoint: false, excluded: `node ${node.name} writes ${dumping} dumps already` };
    }
    const seconds = this.#dependencies.costs.dumpSeconds(pod, node, dumping + 1);
    const timeout = permission.timeoutSeconds ?? DEFAULT_CHECKPOINT_TIMEOUT_SECONDS;
    if (seconds <= timeout) return permission;
    const excluded = `a dump would take some ${Math.round(seconds)} s and is given up after ${timeout} s`;
    return { ...permission, checkpoint: false, excluded };
  }

  #victim(pod: PodInfo, node: NodeInfo, permission: Permission, dumping: number): PotentialVictim {
    const { costs } = this.#dependencies;
    const checkpoint = permission.checkpoint ? costs.checkpointCost(pod, node, dumping + 1) : undefined;
    return {
      pod,
      permission,
      priority: pod.priority,
      startedAt: pod.startedAt,
      checkpointCost: checkpoint?.cost ?? Infinity,
      perFurtherDump: checkpoint?.perFurtherDump ?? 0,
      terminationShare: permission.terminate ? costs.shareOf(pod, node) : Infinity,
      savedAt: permission.terminate ? costs.savedAt(pod) : 0,
      requests: pod.requests,
    };
  }
}

/** Lowest priority first. */
function inOrder(one: PodInfo, other: PodInfo): number {
  return one.priority - other.priority || (one.uid < other.uid ? -1 : 1);
}

function isInOrder(pod: PodInfo, index: number, pods: readonly PodInfo[]): boolean {
  const before = pods[index - 1];
  return before === undefined || inOrder(before, pod) < 0;
}
