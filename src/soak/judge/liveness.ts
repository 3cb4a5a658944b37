import { NOT_BEFORE_ANNOTATION, type Pod, RESTORE_FROM_ANNOTATION } from '../../model/index.ts';
import type { HistoryEntry, InventoryEntry, NodeInventory } from '../history.ts';
import { exceeded } from './amounts.ts';
import {
  type CheckpointFact,
  checkpointUidOf,
  condition,
  type Facts,
  isPresent,
  isTerminal,
  isToBeRestored,
  type PodFact,
} from './facts.ts';
import { judgeGangsAtRest, judgeGroupsAtRest, waitsForOthers } from './gangs.ts';
import { mayRunOn } from './placement.ts';
import type { Report } from './rule.ts';
import { isWholeInStore } from './stores.ts';

/** A pod may be in a backoff for so long: of the kubelet's restarts (5 min), or of restores (5 min). */
const LONGEST_BACKOFF_MILLISECONDS = 10 * 60_000;
/** The scheduler counts the pause after a failed restore from when it saw the pod, which is a little later than said. */
const BACKOFF_SLACK_MILLISECONDS = 60_000;

/**
 * Invariant 4 and liveness. When faults have stopped and the bounded time is over: nothing pending that fits, nothing
 * suspended that fits, no checkpoint in the middle of something, nothing half deleted, no data without object and no
 * suspended workload without data. After an orderly stop: no alarm is set.
 */
export function judgeLiveness(entry: HistoryEntry, facts: Facts, report: Report): void {
  if (entry.kind !== 'inventory') return;
  if (facts.phase === 'settled') {
    for (const pod of facts.pods.values()) if (!pod.gone) judgePod(pod, entry, facts, report);
    for (const checkpoint of facts.checkpoints.values()) judgeCheckpoint(checkpoint, facts, report);
    for (const node of entry.nodes) judgeNode(node, facts, report);
    judgeCopies(entry, facts, report);
    judgeGangsAtRest(entry.at, facts, report);
    judgeGroupsAtRest(entry.at, facts, report);
  } else if (facts.phase === 'stopped') {
    for (const name of entry.unstopped) report('liveness', name, `${name} did not end when it was told to stop`);
    if (entry.alarms > 0 && entry.unstopped.length === 0) {
      report('liveness', 'clock', `${entry.alarms} alarms are still set after everything was stopped`);
    }
  }
}

function judgePod(fact: PodFact, { at }: InventoryEntry, facts: Facts, report: Report): void {
  const { pod, key, node } = fact;
  const lost = node !== undefined && (facts.node(node).lost || facts.node(node).object === undefined);
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (!lost) report('liveness', key, `pod ${key} is still being deleted`);
    return;
  }
  if (isTerminal(pod) || lost) return;
  if (node === undefined) judgePending(fact, at, facts, report);
  else judgeBound(fact, at, facts, report);
}

function judgePending(fact: PodFact, at: number, facts: Facts, report: Report): void {
  const { pod, key } = fact;
  if ((pod.spec.schedulingGates ?? []).length > 0) return;
  const notBefore = Date.parse(pod.metadata.annotations?.[NOT_BEFORE_ANNOTATION] ?? '');
  if (notBefore + BACKOFF_SLACK_MILLISECONDS > at || waitsForOthers(fact, facts)) return;
  // What better pods are nominated to is theirs, though they do not have it yet.
  const nominated = new Map<string, PodFact[]>();
  for (const other of facts.pods.values()) {
    const node = other.pod.status?.nominatedNodeName;
    if (other.gone || other === fact || other.node !== undefined || node === undefined) continue;
    if ((other.pod.spec.priority ?? 0) >= (pod.spec.priority ?? 0))
      nominated.set(node, [...(nominated.get(node) ?? []), other]);
  }
  for (const node of facts.nodes.values()) {
    if (node.object === undefined || node.lost || mayRunOn(pod, node.object) !== undefined) continue;
    const others = (nominated.get(node.name) ?? []).map((other) => other.takes);
    if (exceeded(node.allocatable, [node.bound, fact.takes, ...others]) !== undefined) continue;
    const suspended = pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] !== undefined;
    report(
      suspended ? 4 : 'liveness',
      key,
      `pod ${key} is ${suspended ? 'suspended' : 'pending'} although it fits on node ${node.name}`,
    );
    return;
  }
}

/** Bound, so something of it should run, unless it has just ended and waits for its restart. */
function judgeBound(fact: PodFact, at: number, facts: Facts, report: Report): void {
  const { pod, key, uid, node } = fact;
  if (at - (facts.boundAt.get(uid) ?? at) < LONGEST_BACKOFF_MILLISECONDS) return;
  const processes = [...fact.processes.values()];
  const stuck = processes.find(({ state }) => state === 'frozen' || state === 'dumped');
  if (stuck !== undefined) {
    report('liveness', key, `container ${stuck.container} of pod ${key} is still ${stuck.state} on node ${node}`);
    return;
  }
  if (processes.some(isPresent) || processes.some(({ changedAt }) => at - changedAt < LONGEST_BACKOFF_MILLISECONDS))
    return;
  const from = pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION];
  const checkpoint = from === undefined ? undefined : checkpointNamed(pod, from, facts);
  // The disk that held it is broken or gone.
  if (checkpoint !== undefined && isBroken(checkpoint, facts)) return;
  report(from === undefined ? 'liveness' : 4, key, `pod ${key} is bound to node ${node}, and nothing of it runs`);
}

function judgeCheckpoint(fact: CheckpointFact, facts: Facts, report: Report): void {
  const { key, object, state, released, source } = fact;
  const restored = condition(object.status?.conditions, 'Restored');
  if (object.metadata.deletionTimestamp !== undefined) {
    const needed =
      isToBeRestored(object) && state === 'ready' && restored?.status !== 'True' && restored?.reason !== 'Abandoned';
    const awaited = needed || isAwaited(fact, facts);
    if (!awaited) report('liveness', key, `checkpoint ${key} is still being deleted, and nobody needs it`);
    return;
  }
  const node = object.status?.nodeName ?? source?.node;
  if (node !== undefined && (facts.node(node).lost || facts.node(node).object === undefined)) return;
  if (state === 'pending' || state === 'inProgress') {
    report('liveness', key, `checkpoint ${key} is still ${state}`);
  } else if (state === 'ready' && object.spec.postCheckpointState === 'Stopped' && !released) {
    report('liveness', key, `checkpoint ${key} is Ready, and still not Released`);
  } else if (state === 'ready' && released && isToBeRestored(object) && restored === undefined) {
    const taken = facts.podByKey(`${object.metadata.namespace}/${object.spec.sourcePod.name}`);
    if (taken === undefined) report(4, key, `checkpoint ${key} is Released, and no incarnation waits for it`);
  } else if (restored?.status === 'False' && restored.reason !== 'Abandoned') {
    const waiting = facts.pods.get(object.status?.restoration?.podUID ?? '');
    const taken = facts.podByKey(`${object.metadata.namespace}/${object.spec.sourcePod.name}`);
    if ((waiting === undefined || waiting.gone) && taken === undefined) {
      report(4, key, `the workload of checkpoint ${key} is ${restored.reason}, and no pod waits for it`);
    }
  }
}

function judgeNode({ node, pods, checkpoints, volumes, journal }: NodeInventory, facts: Facts, report: Report): void {
  const isThere = (uid: string): boolean => facts.pods.get(uid)?.gone === false;
  const left = (what: string): void => report('liveness', node, `node ${node} still has ${what}`);
  for (const uid of pods) if (!isThere(uid)) left(`pod ${uid}, which is gone from the API`);
  for (const uid of volumes) if (!isThere(uid)) left(`volumes of pod ${uid}, which is gone from the API`);
  for (const folder of checkpoints) {
    const checkpoint = facts.checkpoints.get(checkpointUidOf(folder));
    if (checkpoint === undefined) left(`the data ${folder}, which belongs to no PodCheckpoint`);
    else if (checkpoint.state === 'failed') left(`the data ${folder} of a checkpoint that failed`);
  }
  for (const uid of journal) {
    if (facts.checkpoints.get(uid)?.state !== 'inProgress')
      left(`a journal entry of PodCheckpoint ${uid}, which is not being made`);
  }
}

/** The data of every suspended workload is where its checkpoint says. */
function judgeCopies({ nodes }: InventoryEntry, facts: Facts, report: Report): void {
  const folders = new Map(nodes.map(({ node, checkpoints }) => [node, new Set(checkpoints.map(checkpointUidOf))]));
  for (const fact of facts.checkpoints.values()) {
    const { key, uid, object, state, restored, givenUp } = fact;
    const node = object.status?.nodeName;
    if (state !== 'ready' || restored || givenUp || !isToBeRestored(object) || node === undefined) continue;
    if (facts.node(node).lost || folders.get(node)?.has(uid) !== false) continue;
    report(5, key, `the data of checkpoint ${key}, the only copy of a suspended workload, is gone from node ${node}`);
  }
}

function checkpointNamed(pod: Pod, name: string, facts: Facts): CheckpointFact | undefined {
  return facts.checkpoints.get(facts.checkpointUidByKey.get(`${pod.metadata.namespace}/${name}`) ?? '');
}

function isBroken(fact: CheckpointFact, facts: Facts): boolean {
  if (isWholeInStore(fact, facts)) return false;
  return (facts.dumps.get(fact.uid)?.damaged.size ?? 0) > 0 || facts.node(fact.object.status?.nodeName ?? '').lost;
}

function isAwaited({ object }: CheckpointFact, facts: Facts): boolean {
  const fact = facts.podByKey(`${object.metadata.namespace}/${object.spec.sourcePod.name}`);
  return fact?.pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] === object.metadata.name && !isTerminal(fact.pod);
}
