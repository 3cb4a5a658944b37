import type { Decision } from '../contract.ts';
import type { Cycle } from '../framework/cycle.ts';
import type { Choice } from '../framework/node-choice.ts';
import type { FilterPlugin, Remedy } from '../framework/phases.ts';
import type { QueueEntry } from '../queue/queue-entry.ts';
import type { Cluster } from '../snapshot/cluster.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { Sought } from './gang-cycle.ts';
import type { Gang } from './pod-groups.ts';

/** What a gang's decision needs of the ways of a single pod. */
export interface GangHost {
  readonly cluster: Cluster;
  /** `first` and every other member that waits and may be decided about, taken out of the queue, in its order. */
  membersWith(gang: Gang, first: QueueEntry, now: number): QueueEntry[];
  /** Members that have room and are not on their way out. */
  presentMembers(gang: Gang, now: number): number;
  /** Of those, members that have yet to come back with others. */
  returningMembers(gang: Gang): number;
  /** Members that have ended well. */
  succeededMembers(gang: Gang): number;
  /** Where the pod would go; nothing is assumed. */
  seek(entry: QueueEntry, now: number): Sought;
  /** All nodes that can take the pod. */
  fitting(
    entry: QueueEntry,
    now: number,
  ): { readonly cycle: Cycle; readonly filters: readonly FilterPlugin[]; readonly fitting: readonly NodeInfo[] };
  remedy(sought: Sought): Remedy;
  /** Reserves, assumes and decides; `refused`: nothing of it was done. */
  bind(sought: Sought, choice: Choice): { readonly decisions: readonly Decision[] } | { readonly refused: string };
  /** Undoes {@link bind}. */
  takeBack(entry: QueueEntry, now: number): void;
  /** Orders the interruptions, or keeps the room. */
  carryOut(sought: Sought, remedy: Extract<Remedy, { type: 'Interrupt' | 'Wait' }>): Decision[];
  /** Whether room is being made for the pod, on a node that may still take it. */
  isWaitingForRoom(entry: QueueEntry, now: number): boolean;
  /** They wait for that room; the try does not count. */
  hold(entries: readonly QueueEntry[], now: number, dueAt: number | undefined): void;
  /** Promises the gang the first time at which enough of its members have room, where that is known. */
  reserve(
    gang: Gang,
    members: readonly QueueEntry[],
    needed: number,
    now: number,
  ): { readonly message: string; readonly retryAt: number } | undefined;
  /** Takes such a promise back. */
  withdraw(gang: Gang, now: number): void;
  /** Decides about the pod as about any other. */
  alone(entry: QueueEntry, now: number): Decision[];
  /** Takes back what was promised to it; it waits for an event that one of `plugins` finds helpful, or for `retryAt`. */
  refuse(
    entry: QueueEntry,
    refusal: {
      readonly message: string;
      readonly filtered: Record<string, number>;
      readonly plugins: readonly string[];
      readonly now: number;
      readonly retryAt?: number;
    },
  ): Decision[];
}
