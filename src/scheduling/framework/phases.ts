import type { ExplainedPlan } from '../interruption/interruption-plan.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Cycle } from './cycle.ts';
import type { EventHints } from './queue-event.ts';

/**
 * The phases of kube-scheduler's framework as far as decisions go. A plugin is one object that implements the phases it
 * needs; a profile lists the plugins in the order they run.
 */
export interface Plugin {
  readonly name: string;
  /** Events after which a pod this plugin rejected is worth another try; an event without hint is none. */
  readonly hints?: EventHints;
}

/** Why a pod may not enter the queue yet; `until` when time alone opens the gate (ms since the epoch). */
export interface Gate {
  readonly plugin: string;
  readonly message: string;
  readonly until?: number;
}

export interface PreEnqueuePlugin extends Plugin {
  preEnqueue(pod: PodInfo, now: number): Gate | undefined;
}

/** What the order of the queue rests on. */
export interface QueuedPod {
  readonly info: PodInfo;
  /** ms since the epoch; a restored pod keeps the time its workload first came. */
  readonly firstEnqueuedAt: number;
  /** Waits with a checkpoint. */
  readonly suspended: boolean;
  /** Order of arrival. */
  readonly sequence: number;
}

export interface QueueSortPlugin extends Plugin {
  less(one: QueuedPod, other: QueuedPod): boolean;
}

/** Why a node (or, from PreFilter, every node) cannot take the pod. */
export interface Rejection {
  readonly plugin: string;
  readonly reasons: readonly string[];
  /** Whether taking pods away could help (`Unschedulable` as against `UnschedulableAndUnresolvable`). */
  readonly resolvable: boolean;
}

export interface PreFilterPlugin extends Plugin {
  /** Prepares the cycle. `skip`: this plugin's filter has nothing to say about the pod. */
  preFilter(cycle: Cycle): Rejection | 'skip' | undefined;
  /** Keeps prepared state right while room is tried out (pods taken away, nominated pods added). */
  addPod?(cycle: Cycle, pod: PodInfo, node: NodeInfo): void;
  removePod?(cycle: Cycle, pod: PodInfo, node: NodeInfo): void;
}

export interface FilterPlugin extends Plugin {
  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined;
}

export interface PreScorePlugin extends Plugin {
  /** `skip`: all nodes are alike to this plugin. */
  preScore(cycle: Cycle, nodes: readonly NodeInfo[]): 'skip' | undefined;
}

export interface ScorePlugin extends Plugin {
  /** Any scale if `normalize` brings it to 0…100. */
  score(cycle: Cycle, node: NodeInfo): number;
  normalize?(cycle: Cycle, scores: Float64Array): void;
}

export interface ReservePlugin extends Plugin {
  reserve(cycle: Cycle, node: NodeInfo): Rejection | undefined;
  /** Must be harmless when `reserve` never ran. */
  unreserve(pod: PodInfo, nodeName: string): void;
}

/** A pod that fits nowhere, and why. */
export interface Impasse {
  readonly nodes: readonly NodeInfo[];
  /** Why each of `nodes` was turned down, by index. */
  readonly rejections: readonly (Rejection | undefined)[];
  readonly filters: readonly FilterPlugin[];
  /** No wait may be proposed that ends after this (ms since the epoch): it has waited its time. */
  readonly waitDeadline: number | undefined;
}

/** What PostFilter found to do; `plans` are those considered, the one taken first. */
export type Remedy =
  | {
      readonly type: 'Interrupt';
      readonly plans: readonly [ExplainedPlan, ...ExplainedPlan[]];
      readonly note: string;
    }
  | {
      readonly type: 'Wait';
      readonly nodeName: string;
      readonly until: number;
      readonly summary: string;
      readonly plans: readonly ExplainedPlan[];
    }
  | { readonly type: 'None'; readonly message: string; readonly retryAt?: number };

export interface PostFilterPlugin extends Plugin {
  postFilter(cycle: Cycle, impasse: Impasse): Remedy;
}

export const implementsPreEnqueue = (plugin: Plugin): plugin is PreEnqueuePlugin => 'preEnqueue' in plugin;
export const implementsQueueSort = (plugin: Plugin): plugin is QueueSortPlugin => 'less' in plugin;
export const implementsPreFilter = (plugin: Plugin): plugin is PreFilterPlugin => 'preFilter' in plugin;
export const implementsFilter = (plugin: Plugin): plugin is FilterPlugin => 'filter' in plugin;
export const implementsPostFilter = (plugin: Plugin): plugin is PostFilterPlugin => 'postFilter' in plugin;
export const implementsPreScore = (plugin: Plugin): plugin is PreScorePlugin => 'preScore' in plugin;
export const implementsScore = (plugin: Plugin): plugin is ScorePlugin => 'score' in plugin;
export const implementsReserve = (plugin: Plugin): plugin is ReservePlugin => 'reserve' in plugin;
