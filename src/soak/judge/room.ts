import type { Pod, PodCheckpoint } from '../../model/index.ts';
import type { ApiEntry, HistoryEntry, ProcessEntry } from '../history.ts';
import { type Amounts, exceeded, takes } from './amounts.ts';
import { condition, type Facts, isPresent } from './facts.ts';
import type { Report } from './rule.ts';

/** Invariants 1 (no node is over-committed) and 6 (a preemptor is bound only after release is confirmed). */
export function judgeRoom(entry: HistoryEntry, facts: Facts, report: Report): void {
  if (entry.kind === 'api') {
    if (entry.collection === '/pods') {
      judgeBinding(entry, facts, report);
      judgeConfirmation(entry, facts, report);
    } else if (entry.collection === 'fermata.dev/podcheckpoints') judgeRelease(entry, facts, report);
  } else if (entry.kind === 'process' && (entry.fact === 'started' || entry.fact === 'restored')) {
    judgeMachine(entry, facts, report);
  }
}

/** What the API has promised of a node, and what is still held on it, when one more pod is bound. */
function judgeBinding({ object, previous, type, key, by }: ApiEntry, facts: Facts, report: Report): void {
  const pod = object as Pod;
  const { nodeName } = pod.spec;
  if (type === 'DELETED' || nodeName === undefined || (previous as Pod | undefined)?.spec.nodeName !== undefined)
    return;
  const node = facts.node(nodeName);
  // Nothing can run on a node that is gone; the scheduler's watch may not have told of that yet.
  if (node.object === undefined) return;
  // A request that a dead scheduler left on the way: no API server can tell it from a living one's, so what the node
  // does with the pod too many is judged instead (by `judgeMachine`).
  if (facts.dead.has(by)) {
    facts.strayBindings.add(nodeName);
    return;
  }
  if (facts.strayBindings.has(nodeName)) {
    if (exceeded(node.allocatable, [node.bound]) === undefined) facts.strayBindings.delete(nodeName);
    else return;
  }
  const own = takes(pod);
  const lacking = exceeded(node.allocatable, [node.bound, own]);
  if (lacking !== undefined) {
    report(1, key, `node ${nodeName} was given ${lacking} when pod ${key} was bound`);
    return;
  }
  const held: Amounts[] = [];
  const holders: string[] = [];
  for (const uid of facts.unreleased.get(nodeName) ?? []) {
    const checkpoint = facts.checkpoints.get(uid);
    if (checkpoint?.source?.gone !== true || checkpoint.source.uid === pod.metadata.uid) continue;
    // Of what others ordered (or a scheduler that is dead) a watch may tell later than of the pod that is gone for it.
    if (checkpoint.object.spec.preemptor === undefined || facts.dead.has(checkpoint.createdBy)) continue;
    held.push(checkpoint.source.takes);
    holders.push(checkpoint.key);
  }
  const over = held.length === 0 ? undefined : exceeded(node.allocatable, [node.bound, own, ...held]);
  if (over === undefined) return;
  report(6, key, `pod ${key} was bound to node ${nodeName} (${over}) before ${holders.join(', ')} was Released`);
}

/** What truly is on the machine when one more pod comes to life. */
function judgeMachine(entry: ProcessEntry, facts: Facts, report: Report): void {
  const node = facts.node(entry.node);
  if (node.machine.has(entry.podUid) || node.allocatable.size === 0) return;
  const own = facts.pods.get(entry.podUid);
  if (own === undefined) return;
  const lacking = exceeded(node.allocatable, [own.takes, ...[...node.machine.values()].map((pod) => pod.takes)]);
  if (lacking !== undefined) {
    report(1, entry.workload, `the machine of node ${entry.node} runs ${lacking} since pod ${own.key} ${entry.fact}`);
  }
}

/** `Released` is a promise about the machine. */
function judgeRelease({ object, type, key }: ApiEntry, facts: Facts, report: Report): void {
  const { metadata, status, spec } = object as PodCheckpoint;
  const known = facts.checkpoints.get(metadata.uid);
  if (type === 'DELETED' || known?.released === true || spec.postCheckpointState !== 'Stopped') return;
  if (condition(status?.conditions, 'Released')?.status !== 'True') return;
  const source = known?.source;
  if (source === undefined) return;
  if (!source.gone) report(6, key, `checkpoint ${key} was Released while the object of pod ${source.key} is there`);
  const left = [...source.processes.values()].find(isPresent);
  if (left !== undefined) {
    report(
      6,
      key,
      `checkpoint ${key} was Released while container ${left.container} is ${left.state} on node ${left.node}`,
    );
  }
}

/** A node lets a pod's object go only when nothing of it is left on the machine. */
function judgeConfirmation({ object, type, key, by }: ApiEntry, facts: Facts, report: Report): void {
  if (type !== 'DELETED' || !by.startsWith('node/')) return;
  const pod = facts.pods.get(object.metadata.uid);
  const left = pod === undefined ? undefined : [...pod.processes.values()].find(isPresent);
  if (left === undefined) return;
  report(6, key, `${by} let pod ${key} go while its container ${left.container} is ${left.state} on node ${left.node}`);
}
