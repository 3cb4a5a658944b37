import type { InterruptionPolicy, Node, Pod, PodCheckpoint, PodGroup, PriorityClass } from '../../model/index.ts';
import type { PhaseEntry } from '../history.ts';
import { type Amounts, takes } from './amounts.ts';

/** A pod as the API and the machines tell it; kept while either of them has something of it. */
export interface PodFact {
  uid: string;
  /** `namespace/name`. */
  key: string;
  pod: Pod;
  takes: Amounts;
  node: string | undefined;
  /** Its object is no more in the API. */
  gone: boolean;
  /** Who asked for its deletion; undefined: nobody. */
  deletedBy: string | undefined;
  /** When its labels were changed last. */
  relabelledAt: number | undefined;
  /** By container. */
  processes: Map<string, ProcessFact>;
}

export interface ProcessFact {
  workload: string;
  container: string;
  podUid: string;
  node: string;
  /** `removed`: its container is gone. */
  state: 'running' | 'frozen' | 'dumped' | 'ended' | 'removed';
  /** Step of the last fact about it. */
  step: number;
  /** The last line it is known to have written. */
  written: number;
  /** UID of the PodCheckpoint whose dump froze or stopped it last. */
  checkpointUid: string | undefined;
  startedAt: number;
  /** Of the last fact about it. */
  changedAt: number;
}

/** What a runtime did for one PodCheckpoint, the last time it tried. */
export interface DumpFact {
  checkpointUid: string;
  directory: string;
  node: string;
  podUid: string;
  workload: string;
  /** Container → step its images hold. */
  steps: Map<string, number>;
  leaveRunning: boolean;
  state: 'frozen' | 'dumped' | 'thawed' | 'lost';
  /** The injected fault that makes it no checkpoint. */
  spoilt: string | undefined;
  /** Directories whose data was damaged after it was made, and since when; a store's are URLs. */
  damaged: Map<string, number>;
}

export interface CheckpointFact {
  uid: string;
  /** `namespace/name`. */
  key: string;
  object: PodCheckpoint;
  createdBy: string;
  /** Which process said that it is in progress. */
  takenUpBy: string | undefined;
  /** `ready` once is `ready` for ever. */
  state: 'pending' | 'inProgress' | 'ready' | 'failed';
  released: boolean;
  sourceUid: string | undefined;
  /** As it was when it was last seen. */
  source: PodFact | undefined;
  /** A process was restored from it. */
  restored: boolean;
  /** Its owner deleted the pod that waited for it. */
  givenUp: boolean;
}

export interface NodeFact {
  name: string;
  object: Node | undefined;
  allocatable: Amounts;
  /** Sum of what the pods bound to it and not ended take. */
  bound: Map<string, number>;
  /** Pods with processes on the machine. */
  machine: Map<string, PodFact>;
  /** When its processes died last with it. */
  diedAt: number | undefined;
  /** Killed at that moment, for a reason that is not known (yet). */
  killed: { at: number; progress: ProgressFact[] };
  lost: boolean;
}

/** How far a workload has come; one of its containers. */
export interface ProgressFact {
  highest: number;
  /** Its last Ready checkpoint that stopped it: nothing may ever fall below. */
  floor: number;
  floorBy: string;
  /** Why it may go on from further back; undefined: it may not. */
  excuse: string | undefined;
  finished: boolean;
}

/**
 * All that the judge knows of the world at one moment, by what identifies it. Rules read it; only {@link Bookkeeper}
 * writes it, after the rules have seen the entry.
 */
export class Facts {
  readonly pods = new Map<string, PodFact>();
  readonly podUidByKey = new Map<string, string>();
  readonly nodes = new Map<string, NodeFact>();
  readonly dumps = new Map<string, DumpFact>();
  readonly checkpoints = new Map<string, CheckpointFact>();
  readonly checkpointUidByKey = new Map<string, string>();
  /** Pod UID → UIDs of the PodCheckpoints of it. */
  readonly checkpointsOfPod = new Map<string, Set<string>>();
  /** Node → UIDs of `Stopped` PodCheckpoints whose room nobody has confirmed free. */
  readonly unreleased = new Map<string, Set<string>>();
  /** Workload → container → how far it has come. */
  readonly progress = new Map<string, Map<string, ProgressFact>>();
  /** Workload → UIDs of pods with a process of it that is not over. */
  readonly alive = new Map<string, Set<string>>();
  readonly policies = new Map<string, InterruptionPolicy>();
  readonly priorityClasses = new Map<string, PriorityClass>();
  readonly podGroups = new Map<string, PodGroup>();
  /** Pods that are forgotten → who deleted them: a node that hears of it late may start one of them yet. */
  readonly #departed = new Map<string, string>();
  /** Pod UID → a fault that may end its processes. */
  readonly lethal = new Map<string, string>();
  /** Pod UID → when it was bound. */
  readonly boundAt = new Map<string, number>();
  /** Nodes to which a request of a dead scheduler has bound a pod. */
  readonly strayBindings = new Set<string>();
  /** Processes that are dead, as `by` names them (`scheduler#3`). */
  readonly dead = new Set<string>();
  phase: PhaseEntry['phase'] | undefined;

  node(name: string): NodeFact {
    let node = this.nodes.get(name);
    if (node === undefined) {
      node = {
        name,
        object: undefined,
        allocatable: new Map(),
        bound: new Map(),
        machine: new Map(),
        diedAt: undefined,
        killed: { at: 0, progress: [] },
        lost: false,
      };
      this.nodes.set(name, node);
    }
    return node;
  }

  progressOf(workload: string, container: string): ProgressFact {
    let containers = this.progress.get(workload);
    if (containers === undefined) {
      containers = new Map();
      this.progress.set(workload, containers);
    }
    let progress = containers.get(container);
    if (progress === undefined) {
      progress = { highest: 0, floor: 0, floorBy: '', excuse: undefined, finished: false };
      containers.set(container, progress);
    }
    return progress;
  }

  checkpointsOf(podUid: string): CheckpointFact[] {
    const found: CheckpointFact[] = [];
    for (const uid of this.checkpointsOfPod.get(podUid) ?? []) {
      const checkpoint = this.checkpoints.get(uid);
      if (checkpoint !== undefined) found.push(checkpoint);
    }
    return found;
  }

  /** A pod that a complete checkpoint has stopped: nothing of it may run again. */
  stoppedBy(podUid: string): CheckpointFact | undefined {
    return this.checkpointsOf(podUid).find(({ state, object }) => state === 'ready' && isStopped(object));
  }

  /** `pod` undefined: only a machine knows of it (any more). */
  podFact(uid: string, key: string, pod: Pod | undefined): PodFact {
    let fact = this.pods.get(uid);
    if (fact === undefined) {
      fact = {
        uid,
        key,
        pod: pod ?? UNKNOWN_POD,
        takes: pod === undefined ? new Map() : takes(pod),
        node: undefined,
        gone: pod === undefined,
        deletedBy: this.#departed.get(uid),
        relabelledAt: undefined,
        processes: new Map(),
      };
      this.pods.set(uid, fact);
    }
    return fact;
  }

  /** What neither the API nor a machine nor a checkpoint has any more needs no place. */
  forget(pod: PodFact): void {
    if (!pod.gone || [...pod.processes.values()].some(isPresent)) return;
    if ((this.checkpointsOfPod.get(pod.uid)?.size ?? 0) > 0) return;
    this.pods.delete(pod.uid);
    if (pod.deletedBy !== undefined) this.#departed.set(pod.uid, pod.deletedBy);
    this.lethal.delete(pod.uid);
    this.boundAt.delete(pod.uid);
  }

  /** A new workload takes the name. */
  forgetWorkload(workload: string): void {
    this.progress.delete(workload);
  }

  podByKey(key: string): PodFact | undefined {
    const uid = this.podUidByKey.get(key);
    return uid === undefined ? undefined : this.pods.get(uid);
  }
}

export function isStopped({ spec }: PodCheckpoint): boolean {
  return spec.postCheckpointState === 'Stopped';
}

/** Its workload is to come back from it. */
export function isToBeRestored(checkpoint: PodCheckpoint): boolean {
  return isStopped(checkpoint) && checkpoint.spec.restore !== 'Never';
}

/** `running` or `frozen`: it is there and may still do something. */
export function isAlive({ state }: ProcessFact): boolean {
  return state === 'running' || state === 'frozen';
}

/** Something of it is on the machine and takes room. */
export function isPresent({ state }: ProcessFact): boolean {
  return state === 'running' || state === 'frozen' || state === 'dumped';
}

/** `/checkpoints/<namespace>_<name>_<uid>` → the UID. */
export function checkpointUidOf(directory: string): string {
  return directory.slice(Math.max(directory.lastIndexOf('_'), directory.lastIndexOf('/')) + 1);
}

export function readyOf(checkpoint: PodCheckpoint): CheckpointFact['state'] {
  const ready = condition(checkpoint.status?.conditions, 'Ready');
  if (ready?.status === 'True') return 'ready';
  if (ready?.reason === 'CheckpointFailed' || ready?.reason === 'SourcePodReplaced') return 'failed';
  return ready?.reason === 'CheckpointInProgress' ? 'inProgress' : 'pending';
}

export function condition<T extends { type: string }>(
  conditions: readonly T[] | undefined,
  type: string,
): T | undefined {
  return conditions?.find((one) => one.type === type);
}

export function isTerminal({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

const UNKNOWN_POD: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: '', uid: '', resourceVersion: '', creationTimestamp: '' },
  spec: { containers: [] },
};

/** People, and what acts for them; not a component of the product. */
export function isOwner(by: string): boolean {
  return !/^(scheduler|controller|node)\b/.test(by);
}

export function indexed<T>(map: Map<string, Set<T>>, key: string): Set<T> {
  let set = map.get(key);
  if (set === undefined) {
    set = new Set();
    map.set(key, set);
  }
  return set;
}

export function removeFrom<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const set = map.get(key);
  set?.delete(value);
  if (set?.size === 0) map.delete(key);
}
