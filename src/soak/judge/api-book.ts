import { isDeepStrictEqual } from 'node:util';
import {
  type InterruptionPolicy,
  isConditionTrue,
  type Node,
  type Pod,
  type PodCheckpoint,
  type PodGroup,
  type PriorityClass,
  RESTORE_FROM_ANNOTATION,
} from '../../model/index.ts';
import type { ApiEntry } from '../history.ts';
import { addTo, amountsOf, takes } from './amounts.ts';
import {
  type CheckpointFact,
  condition,
  type Facts,
  indexed,
  isOwner,
  isStopped,
  isTerminal,
  isToBeRestored,
  type PodFact,
  readyOf,
  removeFrom,
} from './facts.ts';

/** Keeps up with what the API holds. */
export class ApiBook {
  readonly #facts: Facts;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  apply(entry: ApiEntry): void {
    const { collection, key, type } = entry;
    const facts = this.#facts;
    const put = <T>(map: Map<string, T>, object: T): void => {
      if (type === 'DELETED') map.delete(key);
      else map.set(key, object);
    };
    switch (collection) {
      case '/pods':
        this.#pod(entry, entry.object as Pod);
        return;
      case '/nodes': {
        const node = facts.node(key);
        node.object = type === 'DELETED' ? undefined : (entry.object as Node);
        node.allocatable = amountsOf(node.object?.status?.allocatable);
        return;
      }
      case 'fermata.dev/podcheckpoints':
        this.#checkpoint(entry, entry.object as PodCheckpoint);
        return;
      case 'fermata.dev/interruptionpolicies':
        put(facts.policies, entry.object as InterruptionPolicy);
        return;
      case 'scheduling.x-k8s.io/podgroups':
        put(facts.podGroups, entry.object as PodGroup);
        return;
      case 'scheduling.k8s.io/priorityclasses':
        put(facts.priorityClasses, entry.object as PriorityClass);
        return;
    }
  }

  #pod(entry: ApiEntry, pod: Pod): void {
    const facts = this.#facts;
    const { uid } = pod.metadata;
    const fact = this.#facts.podFact(uid, entry.key, pod);
    const held = isHolding(fact) ? fact.node : undefined;
    const takenBefore = fact.takes;
    if (fact.deletedBy === undefined && (pod.metadata.deletionTimestamp !== undefined || entry.type === 'DELETED')) {
      fact.deletedBy = entry.by;
    }
    if (fact.pod.spec !== pod.spec) fact.takes = takes(pod);
    if (!isDeepStrictEqual(fact.pod.metadata.labels, pod.metadata.labels)) fact.relabelledAt = entry.at;
    fact.pod = pod;
    fact.gone = entry.type === 'DELETED';
    if (fact.node === undefined && pod.spec.nodeName !== undefined) facts.boundAt.set(uid, entry.at);
    fact.node = pod.spec.nodeName;
    if (fact.gone) {
      if (facts.podUidByKey.get(entry.key) === uid) facts.podUidByKey.delete(entry.key);
    } else facts.podUidByKey.set(entry.key, uid);
    const holds = isHolding(fact) ? fact.node : undefined;
    if (held !== holds || takenBefore !== fact.takes) {
      if (held !== undefined) addTo(facts.node(held).bound, takenBefore, -1);
      if (holds !== undefined) addTo(facts.node(holds).bound, fact.takes);
    }
    if (fact.gone) {
      this.#giveUp(fact, entry.by);
      this.#facts.forget(fact);
    }
  }

  /**
   * The owner deleted a pod that waited for its checkpoint: nobody needs that any more. One that was evicted, or lost with its
   * node, is marked as such (KEP-3329): that is an interruption like any other.
   */
  #giveUp(fact: PodFact, by: string): void {
    const name = fact.pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION];
    if (name === undefined || !isOwner(fact.deletedBy ?? by)) return;
    if (condition(fact.pod.status?.conditions, 'DisruptionTarget')?.status === 'True') return;
    const uid = this.#facts.checkpointUidByKey.get(`${fact.pod.metadata.namespace}/${name}`);
    const checkpoint = uid === undefined ? undefined : this.#facts.checkpoints.get(uid);
    if (checkpoint !== undefined) checkpoint.givenUp = true;
  }

  #checkpoint(entry: ApiEntry, object: PodCheckpoint): void {
    const facts = this.#facts;
    const { uid } = object.metadata;
    const known = facts.checkpoints.get(uid);
    const sourceUid = object.status?.sourcePodUID ?? object.spec.sourcePod.uid ?? known?.sourceUid;
    const fact: CheckpointFact = known ?? {
      uid,
      key: entry.key,
      object,
      createdBy: entry.by,
      takenUpBy: undefined,
      state: 'pending',
      released: false,
      sourceUid,
      source: undefined,
      restored: false,
      givenUp: false,
    };
    const before = fact.state;
    fact.object = object;
    fact.sourceUid = sourceUid;
    const state = readyOf(object);
    if (state === 'inProgress' && fact.state !== state) fact.takenUpBy = entry.by;
    fact.state = state;
    fact.released = isConditionTrue(object.status?.conditions, 'Released');
    if (sourceUid !== undefined) {
      fact.source ??= facts.pods.get(sourceUid);
      indexed(facts.checkpointsOfPod, sourceUid).add(uid);
    }
    if (entry.type === 'DELETED') {
      facts.checkpoints.delete(uid);
      facts.dumps.delete(uid);
      if (facts.checkpointUidByKey.get(entry.key) === uid) facts.checkpointUidByKey.delete(entry.key);
      if (sourceUid !== undefined) removeFrom(facts.checkpointsOfPod, sourceUid, uid);
      if (fact.source?.node !== undefined) removeFrom(facts.unreleased, fact.source.node, uid);
      if (fact.source !== undefined) this.#facts.forget(fact.source);
      return;
    }
    facts.checkpoints.set(uid, fact);
    facts.checkpointUidByKey.set(entry.key, uid);
    const node = fact.source?.node;
    if (node !== undefined && isStopped(object)) {
      if (fact.released || fact.state === 'failed') removeFrom(facts.unreleased, node, uid);
      else indexed(facts.unreleased, node).add(uid);
    }
    if (before !== 'ready' && fact.state === 'ready') this.#becameReady(fact);
  }

  #becameReady(checkpoint: CheckpointFact): void {
    const dump = this.#facts.dumps.get(checkpoint.uid);
    if (dump === undefined || !isToBeRestored(checkpoint.object)) return;
    for (const [container, step] of dump.steps) {
      const progress = this.#facts.progressOf(dump.workload, container);
      progress.floor = step;
      progress.floorBy = checkpoint.key;
    }
  }
}

/** Takes its node's room as far as the API says. */
function isHolding({ gone, node, pod }: PodFact): boolean {
  return !gone && node !== undefined && !isTerminal(pod);
}
