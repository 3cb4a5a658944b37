import { podGroupOf } from '../../model/index.ts';
import { DEFAULT_CHECKPOINT_TIMEOUT_SECONDS } from '../constants.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { ConsolidationDependencies } from './consolidation.ts';
import type { HeldPlaces } from './held-places.ts';
import { freeOf, moveTargets } from './move-targets.ts';

export interface NodeEmptyingOptions {
  /** What an empty node is worth, node-seconds. */
  readonly worth: number;
  readonly maximumMoves: number;
  readonly intervalMs: number;
  readonly restMs: number;
}

/** A node that is to be emptied, and where its pods go on. */
export interface EmptiedNode {
  readonly node: NodeInfo;
  readonly moves: readonly { readonly pod: PodInfo; readonly target: NodeInfo }[];
  /** Of all moves together, and what the empty node is worth; node-seconds. */
  readonly cost: number;
  readonly worth: number;
}

/** Nodes tried at a time, those with least on them first. */
const TRIED_NODES = 16;

/**
 * Empties nodes for their own sake: one at a time, seldom, only while no pod waits for room, and only if moving all its pods
 * onto nodes in use costs less than an empty node is worth. There is one node in use less each time, so that it comes to rest.
 */
export class NodeEmptying {
  readonly #dependencies: ConsolidationDependencies;
  readonly #held: HeldPlaces;
  readonly #options: NodeEmptyingOptions;
  /** Nodes to be left alone, by name, and until when. */
  readonly #resting = new Map<string, number>();
  #nextTurn: number | undefined;

  constructor(dependencies: ConsolidationDependencies, held: HeldPlaces, options: NodeEmptyingOptions) {
    this.#dependencies = dependencies;
    this.#held = held;
    this.#options = options;
  }

  /** When {@link next} is worth asking, ms since the epoch; Infinity before it was asked first. */
  nextTurn(): number {
    return this.#nextTurn ?? Infinity;
  }

  /**
   * The node to empty now. Places are held for its pods from then on.
   * @param isCalm whether no pod waits
   */
  next(now: number, isCalm: () => boolean): EmptiedNode | undefined {
    const turn = this.#nextTurn;
    if (turn !== undefined && now < turn) return undefined;
    this.#nextTurn = now + this.#options.intervalMs;
    if (turn === undefined || !this.#held.isEmpty || !isCalm()) return undefined;
    for (const [name, until] of this.#resting) if (until <= now) this.#resting.delete(name);
    const best = this.#cheapest(now);
    if (best === undefined) return undefined;
    const { node, moves } = best;
    const until = now + this.#options.restMs;
    this.#resting.set(node.name, until);
    for (const { pod, target } of moves) {
      this.#resting.set(target.name, until);
      this.#held.hold(pod, target.name, now, true);
    }
    return best;
  }

  #cheapest(now: number): EmptiedNode | undefined {
    const candidates = this.#dependencies.cluster.nodes
      .filter((node) => this.#isInUse(node) && !this.#resting.has(node.name))
      .sort((one, other) => freeOf(other) - freeOf(one) || (one.name < other.name ? -1 : 1));
    let best: EmptiedNode | undefined;
    for (const node of candidates.slice(0, TRIED_NODES)) {
      const emptied = this.#emptied(node, now);
      if (emptied !== undefined && (best === undefined || emptied.cost < best.cost)) best = emptied;
    }
    return best;
  }

  #emptied(node: NodeInfo, now: number): EmptiedNode | undefined {
    const { budgets } = this.#dependencies;
    const { worth, maximumMoves } = this.#options;
    const pods = [...node.pods.values()].filter((pod) => !isBoundToNode(pod));
    if (pods.length > maximumMoves || budgets.violatedBy(pods).size > 0) return undefined;
    if (!pods.every((pod) => this.#isMovable(pod, node, pods.length, now))) return undefined;
    const { costs } = this.#dependencies;
    const cost = pods.reduce((sum, pod) => sum + costs.checkpointCost(pod, node, pods.length).cost, 0);
    if (cost >= worth) return undefined;
    const mayTake = (target: NodeInfo): boolean => this.#isInUse(target) && !this.#resting.has(target.name);
    const targets = moveTargets(this.#dependencies, { pods, from: node, mayTake }, now);
    if (targets === undefined) return undefined;
    const moves = pods.flatMap((pod) => {
      const target = targets.get(pod.uid);
      return target === undefined ? [] : [{ pod, target }];
    });
    return { node, moves, cost, worth };
  }

  #isMovable(pod: PodInfo, node: NodeInfo, dumps: number, now: number): boolean {
    const { rules, costs } = this.#dependencies;
    if (!pod.running || podGroupOf(pod.pod) !== undefined) return false;
    const { checkpoint, timeoutSeconds } = rules.permissionFor(pod, 'CheckpointLowerPriority', now);
    return checkpoint && costs.dumpSeconds(pod, node, dumps) <= (timeoutSeconds ?? DEFAULT_CHECKPOINT_TIMEOUT_SECONDS);
  }

  /** Something is on it that could go elsewhere, and nobody is on the way out: what that one leaves is not known yet. */
  #isInUse(node: NodeInfo): boolean {
    let inUse = false;
    for (const pod of node.pods.values()) {
      if (this.#dependencies.isLeaving(pod)) return false;
      inUse ||= !isBoundToNode(pod);
    }
    return inUse;
  }
}

/** Pods of a DaemonSet, and those the kubelet makes from files, are of their node and count for nothing. */
function isBoundToNode({ pod }: PodInfo): boolean {
  return pod.metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet' || kind === 'Node') === true;
}
