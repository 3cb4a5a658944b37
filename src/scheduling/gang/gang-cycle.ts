import { podGroupOf } from '../../model/index.ts';
import type { Decision } from '../contract.ts';
import type { Cycle } from '../framework/cycle.ts';
import { countReasons, unavailable } from '../framework/fit-error.ts';
import type { Choice, NoChoice } from '../framework/node-choice.ts';
import type { FilterPlugin, Rejection, Remedy } from '../framework/phases.ts';
import type { QueueEntry } from '../queue/queue-entry.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { GangHost } from './gang-host.ts';
import { GangTrial } from './gang-trial.ts';
import { seatAll } from './packing.ts';
import type { Gang } from './pod-groups.ts';

/** A member that was looked at: where it would go, or why it goes nowhere. */
export interface Sought {
  readonly entry: QueueEntry;
  readonly cycle: Cycle;
  readonly filters: readonly FilterPlugin[];
  readonly outcome: Choice | NoChoice;
}

interface Seat {
  readonly sought: Sought;
  readonly choice: Choice;
}

/** What makes room for a member that found none. */
interface Provision {
  readonly sought: Sought;
  readonly remedy: Extract<Remedy, { type: 'Interrupt' | 'Wait' }>;
  readonly nodeName: string;
}

/** A member that found no room, and for which none can be made now. */
interface Failed {
  readonly sought: Sought;
  readonly remedy: Extract<Remedy, { type: 'None' | 'Wait' }>;
}

/** Members that go back to the queue, and why. */
interface Refusal {
  readonly members: readonly QueueEntry[];
  readonly now: number;
  readonly note: string;
  readonly failed?: readonly Failed[];
  readonly reserved?: { readonly message: string; readonly retryAt: number } | undefined;
  readonly retryAt?: number;
}

/** Verdicts about nodes that a search for a tight packing may take: a tenth of a second or so. */
const MOST_VERDICTS = 200_000;
/** How long room is promised to a gang whose PodGroup does not say. */
const DEFAULT_TIMEOUT_MS = 300_000;
/** How soon it is looked again whether all of a group checkpoint that have yet to come back wait. */
const RETURN_RETRY_MS = 60_000;

/**
 * Decides about all waiting members of a gang at once, when the first of them has its turn. Either enough of them find room
 * now, and are bound together; or room can be made for enough of them, and all the interruptions it takes are ordered
 * together; or nothing is done, nobody is interrupted and no room is held. As nothing is ever held for a part of a gang, two
 * gangs cannot wait for each other's half.
 */
export class GangCycle {
  readonly #host: GangHost;
  /** Since when room is promised to a gang, ms since the epoch. */
  readonly #promisedSince = new Map<string, number>();

  constructor(host: GangHost) {
    this.#host = host;
  }

  run(gang: Gang, first: QueueEntry, now: number): Decision[] {
    const host = this.#host;
    const { minMember } = gang;
    const members = host.membersWith(gang, first, now);
    if (minMember === undefined) {
      return this.#refuseAll(gang, { members, now, note: `${gang.title} does not exist.` });
    }
    if (this.#isWaitingForRoom(members, now)) return this.#goOnWaiting(gang, members, now);
    const present = host.presentMembers(gang, now);
    // What was suspended alone does not wait for ranks that have done their part; a gang that begins anew has none yet.
    const comesBack = members.every(({ info }) => info.restoreFrom !== undefined);
    const done = comesBack ? host.succeededMembers(gang) : 0;
    const returning = gang.returning === 0 ? 0 : gang.returning - host.returningMembers(gang);
    const needed = Math.max(0, minMember - present - done, returning);
    if (members.length < needed) {
      const there = present + members.length;
      const note = `${gang.title} has ${there} of the ${present + needed} pods that must run at once.`;
      // Those of a group checkpoint become fewer by what no event tells: one of them was given up.
      const retryAt = returning > 0 ? now + RETURN_RETRY_MS : undefined;
      return this.#refuseAll(gang, { members, now, note, ...(retryAt !== undefined && { retryAt }) });
    }
    const trial = new GangTrial(host.cluster);
    let seats: Seat[];
    let unseated: Sought[];
    try {
      ({ seats, unseated } = this.#seat(trial, members, now));
      if (seats.length < needed) {
        const tight = this.#seatTightly(trial, members, { needed, now });
        if (tight !== undefined) ({ seats, unseated } = tight);
      }
      if (seats.length < needed) return this.#provide(gang, trial, { seats, unseated, present, needed, now });
    } finally {
      trial.undo();
    }
    return this.#bindAll(gang, { seats, unseated, now });
  }

  /** One after the other on the node that is best for it, as if they came alone. */
  #seat(trial: GangTrial, members: readonly QueueEntry[], now: number): { seats: Seat[]; unseated: Sought[] } {
    const seats: Seat[] = [];
    const unseated: Sought[] = [];
    for (const entry of members) {
      const sought = this.#host.seek(entry, now);
      if ('node' in sought.outcome) {
        trial.place(entry.info, sought.outcome.node);
        seats.push({ sought, choice: sought.outcome });
      } else {
        unseated.push(sought);
      }
    }
    return { seats, unseated };
  }

  /** Spread out they may stand in each other's way: the smallest that are enough, packed as tightly as can be. */
  #seatTightly(
    trial: GangTrial,
    members: readonly QueueEntry[],
    { needed, now }: { needed: number; now: number },
  ): { seats: Seat[]; unseated: Sought[] } | undefined {
    const host = this.#host;
    const { nodes } = host.cluster;
    if (nodes.length * needed > MOST_VERDICTS) return undefined;
    trial.undo();
    const bySize = members.toSorted((one, other) => sizeOf(one.info) - sizeOf(other.info));
    const chosen = bySize.slice(0, needed).reverse();
    const sought = new Map<QueueEntry, Sought>();
    const found = seatAll<QueueEntry, NodeInfo>(
      chosen,
      {
        candidates: (entry) => {
          const { fitting, ...rest } = host.fitting(entry, now);
          sought.set(entry, { entry, ...rest, outcome: { rejections: [] } });
          return fitting.toSorted((one, other) => roomOf(one) - roomOf(other) || (one.name < other.name ? -1 : 1));
        },
        place: (entry, node) => trial.place(entry.info, node),
        remove: (entry) => trial.restore(entry.info),
      },
      Math.max(needed, Math.floor(MOST_VERDICTS / Math.max(1, nodes.length))),
    );
    if (found === undefined) {
      // As it was: the plan for those without room starts from there.
      this.#seat(trial, members, now);
      return undefined;
    }
    const seats = chosen.flatMap((entry, index): Seat[] => {
      const node = found[index];
      const known = sought.get(entry);
      if (node === undefined || known === undefined) return [];
      const scores = [{ node: node.name, total: 0, byPlugin: {} }];
      return [{ sought: known, choice: { node, feasible: 1, filtered: {}, scores } }];
    });
    const rest = this.#seat(trial, bySize.slice(needed), now);
    return { seats: [...seats, ...rest.seats], unseated: rest.unseated };
  }

  #bindAll(gang: Gang, { seats, unseated, now }: { seats: Seat[]; unseated: Sought[]; now: number }): Decision[] {
    const host = this.#host;
    const decisions: Decision[] = [];
    const bound: QueueEntry[] = [];
    for (const { sought, choice } of seats) {
      const outcome = host.bind(sought, choice);
      if ('refused' in outcome) {
        // A plugin would not reserve what its filter let pass: the others give back what they were given.
        for (const entry of bound.toReversed()) host.takeBack(entry, now);
        const members = [...seats.map((seat) => seat.sought.entry), ...unseated.map(({ entry }) => entry)];
        return this.#refuseAll(gang, { members, now, note: `${gang.title}: ${outcome.refused}.` });
      }
      bound.push(sought.entry);
      decisions.push(...outcome.decisions);
    }
    this.#promisedSince.delete(gang.key);
    host.withdraw(gang, now);
    // The gang runs: those it does not need go the way of any pod.
    for (const { entry } of unseated) decisions.push(...host.alone(entry, now));
    return decisions;
  }

  /** Looks for victims for those that found no room, as if the others had theirs already, and each other's victims were gone. */
  #provide(
    gang: Gang,
    trial: GangTrial,
    lacking: { seats: Seat[]; unseated: Sought[]; present: number; needed: number; now: number },
  ): Decision[] {
    const host = this.#host;
    const { seats, unseated, present, needed, now } = lacking;
    const seated = seats.length;
    const provisions: Provision[] = [];
    const failed: Failed[] = [];
    let left = unseated.length;
    for (const { entry } of unseated) {
      const found = seats.length + provisions.length;
      // Enough; or so many that found nothing that the rest cannot make up for it.
      if (found >= needed || found + left < needed) break;
      left -= 1;
      const sought = host.seek(entry, now);
      if ('node' in sought.outcome) {
        // What went for another member left room enough for this one as well.
        trial.place(entry.info, sought.outcome.node);
        seats.push({ sought, choice: sought.outcome });
        continue;
      }
      const remedy = host.remedy(sought);
      const taken = isOwn(gang, remedy) ? undefined : trial.provide(entry.info, remedy);
      if (taken === undefined || remedy.type === 'None') failed.push({ sought, remedy: remedyLeft(remedy) });
      else provisions.push({ sought, remedy, nodeName: taken });
    }
    trial.undo();
    if (seats.length + provisions.length >= needed) {
      const promised = new Set([...seats, ...provisions].map(({ sought }) => sought.entry));
      const rest = unseated.map(({ entry }) => entry).filter((entry) => !promised.has(entry));
      return this.#promiseAll(gang, { seats, provisions, rest, failed, now });
    }
    const fit = seats.length;
    const atOnce = present + needed;
    const without = unseated.length - (seats.length - seated);
    const note = `${gang.title} needs ${atOnce} ${atOnce === 1 ? 'pod' : 'pods'} at once: ${present} run, ${fit} ${fit === 1 ? 'fits' : 'fit'}, ${without} ${without === 1 ? 'does' : 'do'} not.`;
    const members = [...seats.map(({ sought }) => sought.entry), ...unseated.map(({ entry }) => entry)];
    const waiting = [...new Set(members)].sort((one, other) => one.sequence - other.sequence);
    const reserved = host.reserve(gang, waiting, needed, now);
    return this.#refuseAll(gang, { members: waiting, now, note, failed, reserved });
  }

  /**
   * Every interruption it takes is ordered, and the room that is there already is promised, in one go. The rest, whom the
   * gang does not need, go back to the queue: they have their turn with those that were promised room.
   */
  #promiseAll(
    gang: Gang,
    {
      seats,
      provisions,
      rest,
      failed,
      now,
    }: { seats: Seat[]; provisions: Provision[]; rest: QueueEntry[]; failed: readonly Failed[]; now: number },
  ): Decision[] {
    const host = this.#host;
    this.#promisedSince.set(gang.key, now);
    // Room is being made: what was to be free later is not needed.
    host.withdraw(gang, now);
    const until = now + (gang.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const names = provisions.map(({ sought }) => sought.entry.info.name).join(', ');
    const promises = [
      ...provisions.map(({ sought, remedy }) => ({
        priority: sought.entry.info.priority,
        decide: () => host.carryOut(sought, remedy),
      })),
      ...seats.map(({ sought, choice: { node } }) => ({
        priority: sought.entry.info.priority,
        decide: () => {
          const summary = `room on node ${node.name} is kept for it while room is made for ${names} of ${gang.title}`;
          return host.carryOut(sought, { type: 'Wait', nodeName: node.name, until, summary, plans: [] });
        },
      })),
    ];
    // A promise takes away what was promised to lower pods there: of one gang the highest comes first.
    const decisions = promises.sort((one, other) => other.priority - one.priority).flatMap(({ decide }) => decide());
    const note = `room is being made for ${names} of ${gang.title}, and it is tried again after that.`;
    return [...decisions, ...this.#refuseEach({ members: rest, now, note, failed })];
  }

  /** While room is being made for one of them, nothing else is planned for any. */
  #isWaitingForRoom(members: readonly QueueEntry[], now: number): boolean {
    let isWaiting = false;
    for (const entry of members) if (this.#host.isWaitingForRoom(entry, now)) isWaiting = true;
    return isWaiting;
  }

  #goOnWaiting(gang: Gang, members: readonly QueueEntry[], now: number): Decision[] {
    const since = this.#promisedSince.get(gang.key) ?? now;
    this.#promisedSince.set(gang.key, since);
    const { timeoutMs } = gang;
    if (timeoutMs !== undefined && now >= since + timeoutMs) {
      const note = `room was kept for ${gang.title} for ${timeoutMs / 1_000} s, its scheduleTimeoutSeconds; others may have it.`;
      return this.#refuseAll(gang, { members, now, note });
    }
    this.#host.hold(members, now, timeoutMs === undefined ? undefined : since + timeoutMs);
    return [];
  }

  #refuseAll(gang: Gang, refusal: Refusal): Decision[] {
    this.#promisedSince.delete(gang.key);
    if (refusal.reserved === undefined) this.#host.withdraw(gang, refusal.now);
    return this.#refuseEach(refusal);
  }

  #refuseEach(refusal: Refusal): Decision[] {
    const { members, now, failed = [], reserved } = refusal;
    const note = reserved === undefined ? refusal.note : `${refusal.note} ${reserved.message}`;
    const plugins = new Set(['Gang']);
    if (reserved !== undefined) plugins.add('Backfill');
    let retryAt = reserved?.retryAt ?? refusal.retryAt;
    const reasons = new Map<QueueEntry, Map<string, number>>();
    const sentences = new Map<QueueEntry, string>();
    for (const { sought, remedy } of failed) {
      const rejections = 'rejections' in sought.outcome ? sought.outcome.rejections : [];
      const known = rejections.filter((rejection): rejection is Rejection => rejection !== undefined);
      for (const { plugin } of known) plugins.add(plugin);
      plugins.add('Interruption');
      if (remedy.type === 'None') for (const plugin of remedy.plugins ?? []) plugins.add(plugin);
      const counts = countReasons(known);
      reasons.set(sought.entry, counts);
      const said = remedy.type === 'None' ? remedy.message : `${remedy.summary}.`;
      sentences.set(
        sought.entry,
        [unavailable(rejections.length, counts), said].filter((part) => part !== '').join(' '),
      );
      const again = remedy.type === 'None' ? remedy.retryAt : remedy.until;
      if (again !== undefined) retryAt = Math.min(retryAt ?? Infinity, again);
      if (remedy.type === 'Wait') sought.entry.waitDeadline ??= remedy.until;
    }
    return members.flatMap((entry) => {
      const message = [sentences.get(entry), note].filter((part) => part !== undefined).join(' ');
      return this.#host.refuse(entry, {
        message,
        filtered: Object.fromEntries(reasons.get(entry) ?? []),
        plugins: [...plugins],
        now,
        ...(retryAt === undefined ? {} : { retryAt }),
      });
    });
  }
}

/** A wait for a natural end is not part of a plan for all: it is told, and the gang tries again then. */
function remedyLeft(remedy: Remedy): Extract<Remedy, { type: 'None' | 'Wait' }> {
  return remedy.type === 'Interrupt' ? { type: 'None', message: '' } : remedy;
}

/** A gang does not make room for some of its members by interrupting others. */
function isOwn(gang: Gang, remedy: Remedy): boolean {
  if (remedy.type !== 'Interrupt') return false;
  return remedy.plans[0].victims.some(({ pod }) => podGroupOf(pod.pod) === gang.key);
}

/** Of what it asks for: the largest share of anything; members of a gang are compared with each other only. */
function sizeOf({ requests }: PodInfo): number {
  let size = 0;
  for (let index = 0; index < requests.length; index++) size += Math.log1p(requests[index] ?? 0);
  return size;
}

/** How much is left of the node's scarcest resource, as part of what it has. */
function roomOf({ allocatable, requested }: NodeInfo): number {
  let room = 1;
  for (let index = 0; index < allocatable.length; index++) {
    const whole = allocatable[index] ?? 0;
    if (whole > 0) room = Math.min(room, 1 - (requested[index] ?? 0) / whole);
  }
  return room;
}
