import type { KubeObject } from '../model/index.ts';

/**
 * What a world of the soak records, in the order in which it happened: everything the judge may look at. API changes come
 * from the store itself, not from a client's watch; process facts from the simulated machines, not from a runtime's
 * report. `at` is virtual time, ms since the epoch, and never goes back from one entry to the next.
 */
export type HistoryEntry =
  | ApiEntry
  | ProcessEntry
  | OutputEntry
  | FaultEntry
  | FetchEntry
  | ComponentEntry
  | NodeEntry
  | UserEntry
  | PhaseEntry
  | InventoryEntry;

/** A committed write. Objects are frozen and shared. Leases and Events are not recorded. */
export interface ApiEntry {
  kind: 'api';
  at: number;
  /** One counter over all kinds, without order or gaps promised between the recorded ones. */
  revision: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** `<group>/<plural>`: `/pods`, `/nodes`, `fermata.dev/podcheckpoints`, `policy/poddisruptionbudgets` … */
  collection: string;
  /** `namespace/name`, or `name`. */
  key: string;
  /** The new object; for DELETED the last one. */
  object: KubeObject;
  previous: KubeObject | undefined;
  /** Which component's call wrote it, e.g. `scheduler`, `node/n3`, `user`; for people. */
  by: string;
}

/**
 * Something happened to a process on a machine. `step`: how many steps it has done since its first start, over all its
 * incarnations (its memory, which a checkpoint carries).
 */
export interface ProcessEntry {
  kind: 'process';
  at: number;
  /**
   * `started`: anew, from step 0. `restored`: from `directory`, at `step`. `frozen`: a dump into `directory` begins.
   * `thawed`: it goes on after a dump. `dumped`: the dump stopped it for good; it never runs again by itself. `ended`: it
   * exited or was killed. `removed`: its container is gone from the machine (whatever state it was in).
   */
  fact: 'started' | 'restored' | 'frozen' | 'thawed' | 'dumped' | 'ended' | 'removed';
  node: string;
  namespace: string;
  pod: string;
  podUid: string;
  container: string;
  /** The world's own name of the workload, `namespace/name`, taken from its output: the same over all incarnations. */
  workload: string;
  step: number;
  /** Of `restored`, `frozen` and `dumped`; absolute, ends in `<namespace>_<name>_<uid of the PodCheckpoint>`. */
  directory?: string;
  /** Of `frozen`: whether the process is to go on after the dump. */
  leaveRunning?: boolean;
  /** Of `ended`. */
  exitCode?: number;
  /** Of `ended`: `finished` after its last step, `OOMKilled`, `killed` by a signal (also by an injected fault or a power failure). */
  reason?: 'finished' | 'OOMKilled' | 'killed';
}

/** Lines that a process appended to its output, which lies outside of every checkpoint and every node. */
export interface OutputEntry {
  kind: 'output';
  /** When the last of them was written; recorded when the process stops to write (frozen, ended), or at the end. */
  at: number;
  workload: string;
  node: string;
  podUid: string;
  container: string;
  /** Lines `step <first>` to `step <last>`, each once, in order. */
  first: number;
  last: number;
}

/** A fault that the world injected. */
export interface FaultEntry {
  kind: 'fault';
  at: number;
  fault: string;
  /** Which component, node or object it hit; for people. */
  target: string;
  node?: string;
  podUid?: string;
  directory?: string;
}

/** What lay in `directory`, if anything, was replaced by what a store held. */
export interface FetchEntry {
  kind: 'fetch';
  at: number;
  node: string;
  directory: string;
  /** As in the faults of the store. */
  from: string;
}

/**
 * `crashed`: none of its calls has an effect from now on, and what it held in memory is gone. `leads`: a replica has won its
 * Lease.
 */
export interface ComponentEntry {
  kind: 'component';
  at: number;
  /** `scheduler`, `controller`, `node/<name>` (the node's loop and its agent). */
  component: string;
  incarnation: number;
  what: 'started' | 'crashed' | 'stopped' | 'leads';
}

/**
 * `added`: a machine, empty. `silent`/`back`: the node's process is stopped and goes on (its pods run meanwhile).
 * `powerFailed`: every process on it is gone; checkpoints on its disk stay. `lost`: the machine, its disk included, is gone
 * for good.
 */
export interface NodeEntry {
  kind: 'node';
  at: number;
  node: string;
  what: 'added' | 'silent' | 'back' | 'powerFailed' | 'lost';
}

/** What a user or an operator asked for; `outcome` is the API's answer. */
export interface UserEntry {
  kind: 'user';
  at: number;
  action:
    | 'submit'
    | 'delete'
    | 'forceDelete'
    | 'checkpoint'
    | 'suspend'
    | 'resume'
    | 'edit'
    | 'cordon'
    | 'uncordon'
    | 'drain'
    | 'deleteCheckpoint'
    | 'checkpointGroup'
    | 'stopGroup'
    /** An ended workload is cleared away; nothing happens to one that is not over. */
    | 'clear';
  /** Of the workload (`namespace/name`), the node, or the checkpoint (`namespace/name`). */
  target: string;
  /** `done`, or the API's reason, e.g. `NotFound`. */
  outcome: string;
}

/**
 * `faults`: from here on faults are injected. `calm`: no more faults and no new workloads; every component and every node
 * that is not lost runs. `settled`: the bounded time for settling is over; what is not in order now is a violation of
 * liveness. `stopped`: every component was stopped in good order.
 */
export interface PhaseEntry {
  kind: 'phase';
  at: number;
  phase: 'faults' | 'calm' | 'settled' | 'stopped';
}

/** What there is besides API objects, taken at `settled` and once more at `stopped`. */
export interface InventoryEntry {
  kind: 'inventory';
  at: number;
  nodes: NodeInventory[];
  /** UIDs of the PodCheckpoints of which the store holds something; absent: there is no store. */
  archives?: string[];
  /** Alarms of the clock that are still set, the world's own aside; only after `stopped` must there be none. */
  alarms: number;
  /** Components that did not end when they were asked to; only after `stopped`. */
  unstopped: string[];
}

export interface NodeInventory {
  node: string;
  /** Pods on the machine, by UID. */
  pods: string[];
  /** Folders with checkpoint data (names, not paths). */
  checkpoints: string[];
  /** Folders of pods' volumes, by pod UID. */
  volumes: string[];
  /** PodCheckpoint UIDs in the agent's journal. */
  journal: string[];
}

export type HistoryListener = (entry: HistoryEntry) => void;

/** A promise that was broken. */
export interface Violation {
  /** The number of the invariant in design (1–9), or `liveness`. */
  invariant: number | 'liveness';
  at: number;
  /** The workload (`namespace/name`) or other object it is about, for shrinking. */
  subject: string;
  message: string;
}

/** Judges a history as it is told. */
export interface HistoryJudge {
  observe(entry: HistoryEntry): void;
  /** After the last entry. All that was found, in the order of time. */
  violations(): readonly Violation[];
}
