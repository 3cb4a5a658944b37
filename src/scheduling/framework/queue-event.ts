import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** A change that could let a pod in that was turned down before. */
export type QueueEvent =
  /** A node came, or changed in something decisions depend on. */
  | { type: 'NodeChanged'; node: NodeInfo }
  /** A pod gave its room back, or a promise of room was withdrawn. */
  | { type: 'RoomFreed'; node: NodeInfo; pod: PodInfo }
  /** A pod on a node began to run, or changed what it is: it may be a victim now. */
  | { type: 'PlacedPodChanged'; pod: PodInfo }
  /** Policies, budgets, priority classes or failed dumps changed: who may be interrupted may differ. */
  | { type: 'InterruptionRulesChanged' };

export type EventHint<T extends QueueEvent['type']> = (
  pod: PodInfo,
  event: Extract<QueueEvent, { type: T }>,
) => boolean;

/** Per event: whether it could help a pod that the plugin rejected (KEP-4247). */
export type EventHints = { readonly [T in QueueEvent['type']]?: EventHint<T> };
