import type { KubeObject } from '../../model/index.ts';
import type { NodeChange, NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** A change that could let a pod in that was turned down before (upstream's ClusterEvent). */
export type QueueEvent =
  /** A node came, or changed in something decisions depend on; `change` says in what. */
  | { type: 'NodeChanged'; node: NodeInfo; change: NodeChange }
  /** A node went: its domain may have gone with it. */
  | { type: 'NodeDeleted'; node: NodeInfo }
  /** A pod gave its room back, or a promise of room was withdrawn. */
  | { type: 'RoomFreed'; node: NodeInfo; pod: PodInfo }
  /** A pod came onto a node, began to run, or changed what it is (labels, requests): `before` is what it was. */
  | { type: 'PlacedPodChanged'; pod: PodInfo; before?: PodInfo | undefined }
  /** A pod of ours got its node, which the API does not show yet: those who want to be near it may follow. */
  | { type: 'PodAssumed'; pod: PodInfo }
  /** A pod entered the queue: it may complete a group. */
  | { type: 'PodPending'; pod: PodInfo }
  /** A namespace, claim, volume, class, group or other object came or changed; by `object.kind`. */
  | { type: 'ObjectChanged'; object: KubeObject; before: KubeObject | undefined }
  | { type: 'ObjectDeleted'; object: KubeObject }
  /** Policies, budgets, priority classes or failed dumps changed: who may be interrupted may differ. */
  | { type: 'InterruptionRulesChanged' };

export type EventHint<T extends QueueEvent['type']> = (
  pod: PodInfo,
  event: Extract<QueueEvent, { type: T }>,
) => boolean;

/** Per event: whether it could help a pod that the plugin rejected (KEP-4247). */
export type EventHints = { readonly [T in QueueEvent['type']]?: EventHint<T> };
