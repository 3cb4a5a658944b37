import type { Framework } from '../framework/framework.ts';
import type { QueuedPod } from '../framework/phases.ts';
import type { Cluster } from '../snapshot/cluster.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { VacatingDependencies } from './vacating.ts';

/** What backfill needs of the engine. */
export interface BackfillDependencies extends VacatingDependencies {
  /** The framework that decides about the pod; asked only once decisions are taken. */
  readonly frameworkOf: (pod: PodInfo) => Framework;
  /** The order of the queue. */
  readonly less: (one: QueuedPod, other: QueuedPod) => boolean;
  readonly cluster: Cluster;
  /** The pod in the queue; undefined: it does not wait. */
  readonly entryOf: (podUID: string) => QueuedPod | undefined;
  /** Tries pods again that a promise kept away. */
  readonly activate: (podUID: string, now: number) => void;
}

export interface BackfillOptions {
  /** Pods that have to wait and are promised a start: 1 is EASY (the default), more is conservative backfill. */
  readonly reservations?: number;
  /** Whether a pod that can be checkpointed in time may run past a promised start. Default true. */
  readonly interruptible?: boolean;
  /** How many times the estimated dump time is allowed for before a promised start. Default 2. */
  readonly dumpSafety?: number;
}
