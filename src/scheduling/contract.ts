import type {
  InterruptionPolicy,
  KubeObject,
  Node,
  Pod,
  PodCheckpoint,
  PodDisruptionBudget,
  PriorityClass,
} from '../model/index.ts';
import type { PreBindStep } from './framework/phases.ts';

export type { PreBindStep };

/** What the engine is told. Updates carry the whole object; the engine keeps what it needs. */
export type ClusterEvent =
  | { type: 'PodChanged'; pod: Pod }
  | { type: 'PodDeleted'; pod: Pod }
  | { type: 'NodeChanged'; node: Node }
  | { type: 'NodeDeleted'; node: Node }
  | { type: 'PriorityClassChanged'; priorityClass: PriorityClass }
  | { type: 'PriorityClassDeleted'; priorityClass: PriorityClass }
  | { type: 'PodDisruptionBudgetChanged'; budget: PodDisruptionBudget }
  | { type: 'PodDisruptionBudgetDeleted'; budget: PodDisruptionBudget }
  | { type: 'InterruptionPolicyChanged'; policy: InterruptionPolicy }
  | { type: 'InterruptionPolicyDeleted'; policy: InterruptionPolicy }
  | { type: 'CheckpointChanged'; checkpoint: PodCheckpoint }
  | { type: 'CheckpointDeleted'; checkpoint: PodCheckpoint }
  /**
   * Any other object that plugins decide by: Namespace, Service, ReplicaSet, StatefulSet, ReplicationController,
   * PersistentVolume, PersistentVolumeClaim, StorageClass, CSINode, PodGroup … The whole object.
   */
  | { type: 'ObjectChanged'; object: KubeObject }
  | { type: 'ObjectDeleted'; object: KubeObject }
  /**
   * Measured use of a running pod. Resident memory, bytes: better than its request for the cost of a dump. With
   * `cpuMillicores` (mean since the last measurement) what it leaves of its requests can be lent to opportunistic pods.
   */
  | { type: 'UsageObserved'; uid: string; memoryBytes: number; gpuMemoryBytes?: number; cpuMillicores?: number }
  /** A decided bind could not be carried out: the assumption is undone and the pod tried again. */
  | {
      type: 'BindFailed';
      uid: string;
      reason: string;
      /** The plugins whose PreBind writes failed: the pod waits for what they find helpful. Absent: it is an error, tried again. */
      plugins?: readonly string[];
    }
  /** A decided interruption could not even be asked for (its object was refused). */
  | { type: 'InterruptionFailed'; preemptorUID: string; victimUID: string; reason: string };

export interface PodRef {
  namespace: string;
  name: string;
  uid: string;
}

/** What the engine wants done. Decisions are data: the caller carries them out and reports back by events. */
export type Decision =
  /** The pod fits: bind it. The engine assumes it bound from now on. */
  | {
      type: 'Bind';
      pod: PodRef;
      nodeName: string;
      /** Writes that must have happened first, in order; absent: none. */
      preBind?: readonly PreBindStep[];
      /** The Bind plugin whose way of binding is asked for; absent: the API's. */
      binder?: string;
      explanation: Explanation;
    }
  /** Make room for the pod: nominate the node, interrupt the victims. */
  | {
      type: 'Interrupt';
      pod: PodRef;
      nodeName: string;
      victims: VictimDecision[];
      /** Groups among the victims: each is checkpointed by one order or not at all. Absent: none. */
      groups?: VictimGroupDecision[];
      /** `Migration`: the victims have room elsewhere, and go on there. Absent: preemption. */
      reason?: 'Migration';
      explanation: Explanation;
    }
  /** The cheapest is to wait for a natural end: nominate the node, do nothing. */
  | { type: 'Wait'; pod: PodRef; nodeName: string; until: number; explanation: Explanation }
  /**
   * An opportunistic pod gives back, by checkpoint, room that others have a right to and use by now. Nobody waits for it.
   * `orderedBy` stands for the preemptor's UID where the order fails (`InterruptionFailed`).
   */
  | {
      type: 'Reclaim';
      pod: PodRef;
      nodeName: string;
      victim: VictimDecision;
      orderedBy: string;
      explanation: Explanation;
    }
  /**
   * The pod goes on on another node, by checkpoint and restore, so that the one it is on comes to be empty. Nobody waits for
   * it; `orderedBy` as for `Reclaim`.
   */
  | {
      type: 'Move';
      pod: PodRef;
      /** The node it leaves. */
      nodeName: string;
      /** Where room is kept for it. */
      targetName: string;
      victim: VictimDecision;
      orderedBy: string;
      explanation: Explanation;
    }
  /** Nothing can be done now. `message` is kube-scheduler's sentence (`0/3 nodes are available: …`). */
  | { type: 'Unschedulable'; pod: PodRef; message: string; clearNomination: boolean; explanation: Explanation };

/** Victims that are interrupted whole: pods of one PodGroup, wherever they run. */
export interface VictimGroupDecision {
  namespace: string;
  /** Name of the PodGroup: the value of the pods' label `scheduling.x-k8s.io/pod-group`. */
  name: string;
  action: 'Checkpoint' | 'Terminate';
  members: PodRef[];
  /** The shortest of what holds for the members; absent: the default of PodGroupCheckpoint. */
  timeoutSeconds?: number;
}

export interface VictimDecision {
  pod: PodRef;
  action: 'Checkpoint' | 'Terminate';
  /** Name of the group it is interrupted with (in `groups` of the decision); absent: alone. */
  group?: string;
  /** Of the policy that holds for the victim; absent: the default of PodCheckpoint. */
  timeoutSeconds?: number;
  /** Of `Terminate`: the pod's labels when that was decided. Policies select by them, and what is thrown away cannot be had back. */
  labels?: Readonly<Record<string, string>>;
  costs: VictimCosts;
}

/** Resource-seconds, weighed as dominant share of the node × seconds; `undefined` where the action is not possible. */
export interface VictimCosts {
  checkpoint?: number;
  terminate?: number;
  wait?: number;
  /** What the checkpoint estimate rests on. */
  memoryBytes: number;
  dumpSeconds: number;
  restoreSeconds: number;
  /** Why an action is not possible, e.g. `policy Never`, `dump failed 12 s ago: …`. */
  excluded?: string;
}

/** The numbers behind a decision, JSON-safe; kept in the annotation `fermata.dev/decision`. */
export interface Explanation {
  /** ms since the epoch. */
  at: number;
  outcome: Decision['type'];
  /** One sentence for people. */
  summary: string;
  /** What its place in the queue rests on, where that is more than priority and age. */
  order?: string;
  /** Filter → nodes it turned down (reason → count). */
  filtered: Record<string, number>;
  /** The best nodes with their scores by plugin (at most 5). */
  scores: { node: string; total: number; byPlugin: Record<string, number> }[];
  /** Victim sets considered (at most 5), the one taken first. */
  plans: {
    node: string;
    pdbViolations: number;
    highestVictimPriority: number;
    cost: number;
    victims: {
      pod: string;
      priority: number;
      action: 'Checkpoint' | 'Terminate' | 'Wait';
      /** `namespace/name` of the group it is interrupted with. */
      group?: string;
      costs: VictimCosts;
    }[];
  }[];
}

/**
 * The engine: pure and deterministic. Same events and times in, same decisions out. It never reads a clock, does I/O or
 * draws random numbers other than from `EngineOptions.random`.
 */
export interface SchedulingEngine {
  observe(event: ClusterEvent, now: number): void;
  /** Decides about every pod that is due, in queue order; at most `limit` pods are looked at. */
  decide(now: number, limit?: number): Decision[];
  /** The next instant at which time alone makes `decide` worth calling (backoff over, wait over, flush); undefined: none. */
  nextWakeup(): number | undefined;
  /** Pods by queue, for metrics and `explain`. */
  queueLengths(): { active: number; backoff: number; unschedulable: number; gated: number; suspended: number };
}
