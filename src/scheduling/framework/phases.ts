import type { ResourceType } from '../../model/index.ts';
import type { ExplainedPlan } from '../interruption/interruption-plan.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Cycle } from './cycle.ts';
import type { EventHints } from './queue-event.ts';

/** The phases in kube-scheduler's order, as a configuration names them. */
export const PHASES = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
] as const;
export type Phase = (typeof PHASES)[number];

/**
 * The phases of kube-scheduler's framework as far as decisions go. A plugin is one object that implements the phases it
 * needs; a profile lists the plugins in the order they run.
 */
export interface Plugin {
  readonly name: string;
  /** Events after which a pod this plugin rejected, or gates, is worth another try; an event without hint is none. */
  readonly hints?: EventHints;
  /** What hints read of the waiting pod: its template only, which is asked once for all of one template, or more (default). */
  readonly hintsRead?: 'template' | 'pod';
  /**
   * What filter and score read besides the pod. `node`: nothing but that one NodeInfo, and of the pod nothing but its
   * template (spec; see `PodInfo.template`) and {@link shapeOf}; then verdicts and scores are kept per node and shape, and
   * worked out again only for nodes that changed. PreFilter and PreScore must then depend on no more than that either, and
   * `preScore` is handed no nodes. `room`: of that NodeInfo nothing but allocatable, what is requested of it, taints,
   * `unschedulable` and `ready`; then nodes alike in those are asked about once. `cluster` (the default): anything; asked
   * anew in each cycle.
   */
  readonly reads?: 'room' | 'node' | 'cluster';
  /** With `reads: 'node'` or `'room'`: what filter and score read of the pod beyond its template, such as an annotation. */
  shapeOf?(pod: PodInfo): string;
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

/** What PreFilter may answer: only these nodes (by name) come into question (`PreFilterResult.NodeNames`). */
export interface OnlyNodes {
  readonly onlyNodes: readonly string[];
}

export interface PreFilterPlugin extends Plugin {
  /** Prepares the cycle. `skip`: this plugin's filter has nothing to say about the pod. */
  preFilter(cycle: Cycle): Rejection | OnlyNodes | 'skip' | undefined;
  /** Keeps prepared state right while room is tried out (pods taken away, nominated pods added). */
  addPod?(cycle: Cycle, pod: PodInfo, node: NodeInfo): void;
  removePod?(cycle: Cycle, pod: PodInfo, node: NodeInfo): void;
}

export interface FilterPlugin extends Plugin {
  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined;
}

export interface PreScorePlugin extends Plugin {
  /**
   * `skip`: all nodes are alike to this plugin; that must not depend on `nodes`, those that can take the pod. May be called
   * twice, first with no nodes, to find out whether it has anything to say. While the array handed in is the same, so are
   * the nodes in it, and their objects; their pods are not.
   */
  preScore(cycle: Cycle, nodes: readonly NodeInfo[]): 'skip' | undefined;
}

/** The extremes of a plugin's raw scores over the nodes that can take the pod. */
export interface ScoreRange {
  readonly lowest: number;
  readonly highest: number;
}

export interface ScorePlugin extends Plugin {
  /** Any scale if `scale` or `normalize` brings it to 0…100. */
  score(cycle: Cycle, node: NodeInfo): number;
  /** All raw scores at once, where an index makes that cheaper than one after the other. */
  scoreAll?(cycle: Cycle, nodes: readonly NodeInfo[], scores: Float64Array): void;
  /** Brings one raw score to 0…100 by the extremes alone; to be preferred to `normalize`, whose scores cannot be kept. */
  scale?(raw: number, range: ScoreRange, cycle: Cycle): number;
  /** Brings all raw scores to 0…100 at once. */
  normalize?(cycle: Cycle, scores: Float64Array): void;
}

export interface ReservePlugin extends Plugin {
  reserve(cycle: Cycle, node: NodeInfo): Rejection | undefined;
  /** Must be harmless when `reserve` never ran. */
  unreserve(pod: PodInfo, nodeName: string): void;
}

/** What Permit says of a reserved pod: bind it, do not (`Rejection`), or wait until somebody allows it. */
export type PermitAnswer = 'allow' | Rejection | { readonly wait: { readonly timeoutMilliseconds: number } };

export interface PermitPlugin extends Plugin {
  /** A pod that waits keeps its room; {@link WaitingPods} allows or rejects it, or its time runs out. */
  permit(cycle: Cycle, node: NodeInfo): PermitAnswer;
}

/** A write that must have happened before the bind, as data: a JSON merge patch of one object. */
export interface PreBindStep {
  readonly plugin: string;
  readonly type: ResourceType;
  /** Absent for cluster-wide kinds. */
  readonly namespace?: string;
  readonly name: string;
  readonly patch: Readonly<Record<string, unknown>>;
  /** The bind waits until this field (`status.phase`) has this value. */
  readonly waitFor?: { readonly field: string; readonly equals: string; readonly timeoutMilliseconds: number };
}

export interface PreBindPlugin extends Plugin {
  /** What has to be written before the bind; a rejection takes the reservation back. */
  preBind(cycle: Cycle, node: NodeInfo): readonly PreBindStep[] | Rejection;
}

export interface BindPlugin extends Plugin {
  /** Whether this plugin's way of binding is to be used; the first that does not skip, else the API's binding. */
  bind(cycle: Cycle, node: NodeInfo): 'bind' | 'skip';
}

export interface PostBindPlugin extends Plugin {
  /** The pod was seen bound to the node it was assumed on. */
  postBind(pod: PodInfo, nodeName: string): void;
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
      /** Why the victims are checkpointed; `Preemption` by default. */
      readonly reason?: 'Migration';
    }
  | {
      readonly type: 'Wait';
      readonly nodeName: string;
      readonly until: number;
      readonly summary: string;
      readonly plans: readonly ExplainedPlan[];
    }
  | {
      readonly type: 'None';
      readonly message: string;
      readonly retryAt?: number;
      /** Plugins whose events make it worth another try, besides those that turned nodes down. */
      readonly plugins?: readonly string[];
    };

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
export const implementsPermit = (plugin: Plugin): plugin is PermitPlugin => 'permit' in plugin;
export const implementsPreBind = (plugin: Plugin): plugin is PreBindPlugin => 'preBind' in plugin;
export const implementsBind = (plugin: Plugin): plugin is BindPlugin => 'bind' in plugin;
export const implementsPostBind = (plugin: Plugin): plugin is PostBindPlugin => 'postBind' in plugin;
export const implementsReserve = (plugin: Plugin): plugin is ReservePlugin => 'reserve' in plugin;
