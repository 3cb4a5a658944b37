import { NOT_BEFORE_ANNOTATION, POD_GROUP_LABEL, type Pod, RESTORE_FROM_ANNOTATION } from '../../model/index.ts';
import type { ApiEntry } from '../history.ts';
import { type Amounts, addTo, exceeded } from './amounts.ts';
import { condition, type Facts, isTerminal, isToBeRestored, type NodeFact, type PodFact } from './facts.ts';
import { mayRunOn } from './placement.ts';
import type { Report, Rule } from './rule.ts';

interface Start {
  group: string;
  at: number;
  by: string;
}

/** How far behind the API a scheduler may be that does no wrong. */
const STALE_MILLISECONDS = 10 * 60_000;
/** So long after one member of a gang is bound, all that it needs are: requests may have to be repeated. */
const TOGETHER_MILLISECONDS = 10 * 60_000;
/** Larger gangs are not tried on the nodes: nobody makes them here. */
const MOST_TRIED = 6;

/**
 * Pods of which a PodGroup says that they are useless one by one start together or not at all: none is bound before as many
 * exist as must run at once, and soon after one is, the others are. What ends or goes meanwhile, or a scheduler that dies
 * between two of them, excuses. At rest no gang waits that fits ({@link judgeGangsAtRest}).
 */
export function gangRule(): Rule {
  /** When members ended or went, by gang. */
  const losses = new Map<string, number[]>();
  const starts: Start[] = [];
  return (entry, facts, report) => {
    for (
      let start = starts[0];
      start !== undefined && start.at + TOGETHER_MILLISECONDS <= entry.at;
      start = starts[0]
    ) {
      starts.shift();
      judgeStart(start, losses, facts, report);
    }
    if (entry.kind !== 'api' || entry.collection !== '/pods') return;
    const group = gangOf(entry.object as Pod, facts);
    if (group === undefined) return;
    if (isLoss(entry)) losses.set(group, [...(losses.get(group) ?? []), entry.at]);
    if (!isBinding(entry) || facts.dead.has(entry.by)) return;
    const { minMember, living, succeeded } = membersOf(group, facts);
    const since = entry.at - STALE_MILLISECONDS;
    const lately = (losses.get(group) ?? []).filter((at) => at > since).length;
    const done = comesBack(entry.object as Pod) ? succeeded : 0;
    if (living.length + Math.max(lately, done) < minMember) {
      const there = `only ${living.length} of the ${minMember} pods that must run at once`;
      report(8, entry.key, `pod ${entry.key} was bound although gang ${group} has ${there}`);
    }
    starts.push({ group, at: entry.at, by: entry.by });
  };
}

function judgeStart(
  { group, at, by }: Start,
  losses: ReadonlyMap<string, readonly number[]>,
  facts: Facts,
  report: Report,
): void {
  if (facts.dead.has(by) || (losses.get(group) ?? []).some((lost) => lost >= at)) return;
  const { minMember, living, succeeded } = membersOf(group, facts);
  const bound = living.filter(({ node }) => node !== undefined).length;
  if (living.length < minMember || bound + succeeded >= minMember) return;
  report(
    8,
    group,
    `gang ${group} was started by ${by} in part: ${bound} of the ${minMember} pods that must run at once`,
  );
}

/** Nothing waits that fits: not a gang of which enough wait and all that are needed would find room, each on some node. */
export function judgeGangsAtRest(at: number, facts: Facts, report: Report): void {
  for (const [group] of facts.podGroups) {
    const { minMember, living, succeeded } = membersOf(group, facts);
    const waiting = living.filter(({ node }) => node === undefined);
    const done = waiting.every(({ pod }) => comesBack(pod)) ? succeeded : 0;
    const needed = minMember - done - (living.length - waiting.length);
    if (minMember < 2 || needed < 1 || needed > MOST_TRIED || waiting.length < needed) continue;
    if (waiting.some(({ pod }) => (pod.spec.schedulingGates ?? []).length > 0 || isPaused(pod, at))) continue;
    const chosen = waiting.toSorted((one, other) => cpuOf(one) - cpuOf(other)).slice(0, needed);
    if (!fits(chosen, waiting, facts)) continue;
    report('liveness', group, `gang ${group} waits although the ${needed} pods that it needs fit on the nodes`);
  }
}

/** Nothing that was stopped as a group stays suspended while all of it waits, and would find room, each on some node. */
export function judgeGroupsAtRest(at: number, facts: Facts, report: Report): void {
  for (const fact of facts.pods.values()) {
    if (fact.gone || fact.node !== undefined) continue;
    const others = returningWith(fact, facts);
    const all = [fact, ...others].filter((one) => one !== undefined);
    if (others.length === 0 || others.length >= MOST_TRIED || all.length <= others.length) continue;
    // Told once, of the first of them.
    if (all.some(({ uid, node }) => node !== undefined || uid < fact.uid)) continue;
    if (all.some(({ pod }) => (pod.spec.schedulingGates ?? []).length > 0 || isPaused(pod, at))) continue;
    if (all.some((one) => gangOf(one.pod, facts) !== undefined) || !fits(all, all, facts)) continue;
    report(4, fact.key, `pod ${fact.key} is suspended although all ${all.length} pods of its group fit on the nodes`);
  }
}

/**
 * The pods of the others that were stopped in one group with it and have yet to come back; undefined: it is not there. None where they
 * belong to several PodGroups.
 */
function returningWith({ pod }: PodFact, facts: Facts): (PodFact | undefined)[] {
  const { namespace, annotations } = pod.metadata;
  const uid = facts.checkpointUidByKey.get(`${namespace}/${annotations?.[RESTORE_FROM_ANNOTATION]}`);
  const group = facts.checkpoints.get(uid ?? '')?.object.spec.group;
  if (group === undefined) return [];
  const others: (PodFact | undefined)[] = [];
  for (const { object, uid: other, state } of facts.checkpoints.values()) {
    if (other === uid || state !== 'ready' || object.spec.group !== group || object.metadata.namespace !== namespace)
      continue;
    const restored = condition(object.status?.conditions, 'Restored');
    if (restored?.status === 'True' || restored?.reason === 'Abandoned' || !isToBeRestored(object)) continue;
    if (labelOf(object.status?.checkpointedPodTemplate) !== labelOf(pod)) return [];
    const name = `${namespace}/${object.spec.sourcePod.name}`;
    const incarnation = facts.podByKey(name);
    const isIts = incarnation?.pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] === object.metadata.name;
    others.push(isIts ? incarnation : undefined);
  }
  return others;
}

/** Whether it waits by right for as many of its gang as must run at once, or for the others of its group checkpoint. */
export function waitsForOthers(fact: PodFact, facts: Facts): boolean {
  if (returningWith(fact, facts).some((other) => other?.node === undefined)) return true;
  const group = gangOf(fact.pod, facts);
  if (group === undefined) return false;
  const { minMember, living } = membersOf(group, facts);
  return living.filter(({ node }) => node !== undefined).length < minMember;
}

function labelOf(pod: { metadata?: unknown } | undefined): string | undefined {
  const { labels } = (pod?.metadata ?? {}) as Partial<Pod['metadata']>;
  return labels?.[POD_GROUP_LABEL];
}

function membersOf(group: string, facts: Facts): { minMember: number; living: PodFact[]; succeeded: number } {
  const living: PodFact[] = [];
  let succeeded = 0;
  for (const fact of facts.pods.values()) {
    const { pod, gone } = fact;
    if (gone || gangOf(pod, facts) !== group) continue;
    if (pod.status?.phase === 'Succeeded') succeeded++;
    else if (!isTerminal(pod) && pod.metadata.deletionTimestamp === undefined) living.push(fact);
  }
  return { minMember: facts.podGroups.get(group)?.spec.minMember ?? 1, living, succeeded };
}

function comesBack({ metadata }: Pod): boolean {
  return metadata.annotations?.[RESTORE_FROM_ANNOTATION] !== undefined;
}

/** `namespace/name` of the PodGroup, if more than one of its pods must run at once. */
function gangOf({ metadata }: Pod, facts: Facts): string | undefined {
  const name = metadata.labels?.[POD_GROUP_LABEL];
  if (name === undefined) return undefined;
  const group = `${metadata.namespace}/${name}`;
  return (facts.podGroups.get(group)?.spec.minMember ?? 1) > 1 ? group : undefined;
}

function isBinding({ type, object, previous }: ApiEntry): boolean {
  const before = (previous as Pod | undefined)?.spec.nodeName;
  return type === 'MODIFIED' && before === undefined && (object as Pod).spec.nodeName !== undefined;
}

function isLoss({ type, object, previous }: ApiEntry): boolean {
  const isOver = (pod: Pod | undefined): boolean =>
    pod !== undefined && (isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined);
  return !isOver(previous as Pod | undefined) && (type === 'DELETED' || isOver(object as Pod));
}

function isPaused({ metadata }: Pod, at: number): boolean {
  return Date.parse(metadata.annotations?.[NOT_BEFORE_ANNOTATION] ?? '') + 60_000 > at;
}

/** Every distribution is tried; what others are nominated to counts as theirs, whatever they are worth. */
function fits(chosen: readonly PodFact[], waiting: readonly PodFact[], facts: Facts): boolean {
  const rooms = [...facts.nodes.values()].map((node) => ({
    node,
    taken: [node.bound, ...nominated(node, waiting, facts)],
  }));
  const place = (index: number): boolean => {
    const next = chosen[index];
    if (next === undefined) return true;
    return rooms.some(({ node, taken }) => {
      if (node.object === undefined || node.lost || mayRunOn(next.pod, node.object) !== undefined) return false;
      if (exceeded(node.allocatable, [...taken, next.takes]) !== undefined) return false;
      taken.push(next.takes);
      const placed = place(index + 1);
      if (!placed) taken.pop();
      return placed;
    });
  };
  return place(0);
}

function nominated({ name }: NodeFact, own: readonly PodFact[], facts: Facts): Amounts[] {
  const sum = new Map<string, number>();
  for (const other of facts.pods.values()) {
    if (other.gone || other.node !== undefined || other.pod.status?.nominatedNodeName !== name) continue;
    if (!own.includes(other)) addTo(sum, other.takes);
  }
  return [sum];
}

function cpuOf({ takes }: PodFact): number {
  return takes.get('cpu') ?? 0;
}
