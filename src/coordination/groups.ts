import type { Clock, Timer } from '../clock/index.ts';
import type { Log } from '../model/index.ts';
import { Group, hookAt, isLastStage, type Round, stageOf } from './group.ts';
import { ACK, type HookRequest, REPLY } from './protocol.ts';
import type { CoordinationState } from './state.ts';

export interface GroupOptions {
  /** How long the first at a barrier waits for the last, by hook. */
  timeoutMilliseconds: (hook: string) => number;
  /** How long a member whose connection ended while it waited may take to come again; then it counts as dead. */
  reconnectMilliseconds: number;
}

interface Waiter {
  member: string;
  stage: number;
  resolve: (reply: string) => void;
}

interface Waiting {
  waiters: Set<Waiter>;
  timers: Set<Timer>;
}

interface StoredGroup {
  declared?: string[];
  size: number;
  round?: Round;
  touchedAt: number;
}

/** Groups kept at once; the longest unused make room. */
const MAX_GROUPS = 10_000;

/**
 * Barriers for named groups: all or none. The last barrier decides, the decision is in the state before anybody hears of it, and
 * who asks again after a lost answer gets the same one. Whatever goes wrong before it (a member says so, is gone, is missing
 * when a barrier's time is over, or runs `network-unlock` without having come to `post-dump`, as CRIU does when a dump has failed)
 * aborts the round for all, at once.
 */
export class GroupBarriers {
  readonly #parts: { clock: Clock; log: Log; state: CoordinationState };
  readonly #options: GroupOptions;
  readonly #groups = new Map<string, Group>();
  readonly #waiting = new Map<Group, Waiting>();
  readonly counters = { committed: 0, aborted: 0, barriersPassed: 0 };

  constructor(parts: { clock: Clock; log: Log; state: CoordinationState }, options: GroupOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#load();
  }

  groups(): Iterable<Group> {
    return this.#groups.values();
  }

  waitersOf(group: Group): number {
    return this.#waiting.get(group)?.waiters.size ?? 0;
  }

  /** Fixes who belongs to the group; a round of another membership under way is aborted. */
  declare(session: string, name: string, members: readonly string[]): string {
    const before = this.#groups.get(keyOf(session, name));
    if (
      before?.declared !== undefined &&
      before.size === members.length &&
      members.every((one) => before.admits(one))
    ) {
      return ACK;
    }
    if (before !== undefined) {
      this.#abort(before, 'the group was declared anew');
      this.#drop(before);
    }
    const facts = { session, name, declared: new Set(members), size: members.length };
    this.#add(new Group({ ...facts, touchedAt: this.#parts.clock.now() }));
    return ACK;
  }

  /** The reply; '' when the connection (`signal`) ended first. */
  async hook(request: HookRequest & { group: string }, signal: AbortSignal): Promise<string> {
    const { id, action } = request;
    const group = this.#groupOf(request);
    if (group === undefined) return REPLY.notConnected;
    group.touchedAt = this.#parts.clock.now();
    if (action === 'abort') {
      if (group.admits(id)) this.#abort(group, `${id} failed: ${request.reason ?? 'no reason given'}`);
      return ACK;
    }
    const place = stageOf(action);
    if (place === undefined) {
      // CRIU unlocks the network of a dump before its post-dump only because the dump has failed.
      const stage = group.stages.get(id);
      const failed = action === 'network-unlock' && group.round?.operation === 'Dump' && stage !== undefined;
      if (failed && !isLastStage('Dump', stage)) this.#abort(group, `the dump of ${id} failed`);
      return ACK;
    }
    if (!group.admits(id)) return REPLY.notConnected;
    const round = this.#roundFor(group, id, place);
    if (round === undefined) return REPLY.notConnected;
    if (round.verdict === 'Aborted') return refusal(round);
    const { stage } = place;
    group.advance(id, stage);
    // A vote counts while the hook stands behind it: until the decision only what comes before the last barrier is kept.
    if (!isLastStage(round.operation, stage))
      this.#parts.state.put(JSON.stringify(['arrival', group.session, group.name, id]), String(stage));
    if (round.verdict === 'Committed') return ACK;
    this.#open(group, round, stage);
    this.#pass(group, round, stage);
    if (group.isComplete(stage)) return ACK;
    return this.#wait(group, round, id, stage, signal);
  }

  stop(): void {
    for (const { waiters, timers } of this.#waiting.values()) {
      for (const timer of timers) timer.cancel();
      timers.clear();
      for (const waiter of [...waiters]) waiter.resolve('');
    }
  }

  #groupOf({ session, group: name, members }: HookRequest & { group: string }): Group | undefined {
    const known = this.#groups.get(keyOf(session, name));
    if (known !== undefined) {
      if (members === undefined || members === known.size) return known;
      if (known.declared !== undefined || known.round?.verdict === undefined) return undefined;
      this.#drop(known);
    }
    if (members === undefined) return undefined;
    return this.#add(new Group({ session, name, size: members, touchedAt: this.#parts.clock.now() }));
  }

  /** The round the member takes part in with this hook; undefined: it is not in it, having missed its first barrier. */
  #roundFor(group: Group, id: string, place: { operation: Round['operation']; stage: number }): Round | undefined {
    const { round } = group;
    const isIn = round?.operation === place.operation && group.stages.has(id);
    if (place.stage > 1) return isIn ? round : undefined;
    const isUndecided = round !== undefined && round.verdict === undefined;
    if (isUndecided && round.operation === place.operation && (group.stages.get(id) ?? 0) <= 1) return round;
    if (isUndecided) this.#abort(group, `${id} began anew`);
    for (const member of group.stages.keys()) {
      this.#parts.state.delete(JSON.stringify(['arrival', group.session, group.name, member]));
    }
    this.#endTimers(group);
    const next = group.begin(place.operation);
    this.#save(group);
    return next;
  }

  /** The first at a barrier sets its clock going. */
  #open(group: Group, round: Round, stage: number): void {
    const hook = hookAt(round.operation, stage);
    if (round.openedAt[hook] !== undefined) return;
    round.openedAt[hook] = this.#parts.clock.now();
    this.#save(group);
    this.#arm(group, round, stage);
  }

  #arm(group: Group, round: Round, stage: number): void {
    const hook = hookAt(round.operation, stage);
    const limit = this.#options.timeoutMilliseconds(hook);
    const left = (round.openedAt[hook] ?? 0) + limit - this.#parts.clock.now();
    this.#timer(group, Math.max(0, left), () => {
      if (group.round !== round || group.isComplete(stage)) return;
      this.#abort(group, `${hook} waited ${limit / 1000} s in vain for ${group.missing(stage)}`);
    });
  }

  #pass(group: Group, round: Round, stage: number): void {
    for (let complete = stage; complete >= 1; complete--) {
      if (!group.isComplete(complete)) continue;
      if (isLastStage(round.operation, complete)) {
        round.verdict = 'Committed';
        this.#save(group, true);
        this.counters.committed++;
        this.#endTimers(group);
      }
      const waiters = this.#waiting.get(group)?.waiters ?? [];
      this.counters.barriersPassed++;
      for (const waiter of [...waiters]) if (waiter.stage <= complete) waiter.resolve(ACK);
      return;
    }
  }

  #abort(group: Group, reason: string): void {
    const { round } = group;
    if (round === undefined || round.verdict !== undefined) return;
    round.verdict = 'Aborted';
    round.reason = reason;
    this.#save(group, true);
    this.counters.aborted++;
    this.#endTimers(group);
    this.#parts.log.warn({ session: group.session, group: group.name, round: round.number, reason }, 'round aborted');
    for (const waiter of [...(this.#waiting.get(group)?.waiters ?? [])]) waiter.resolve(refusal(round));
  }

  #wait(group: Group, round: Round, member: string, stage: number, signal: AbortSignal): Promise<string> {
    const { waiters } = this.#waitingOf(group);
    return new Promise((resolve) => {
      const gone = (): void => {
        waiter.resolve('');
        this.#missedSince(group, round, member, stage);
      };
      const waiter: Waiter = {
        member,
        stage,
        resolve: (reply) => {
          signal.removeEventListener('abort', gone);
          waiters.delete(waiter);
          resolve(reply);
        },
      };
      waiters.add(waiter);
      if (signal.aborted) gone();
      else signal.addEventListener('abort', gone, { once: true });
    });
  }

  /** A hook that died while it waited has voted no: CRIU goes by its exit status. One that was cut off comes again. */
  #missedSince(group: Group, round: Round, member: string, stage: number): void {
    const isBack = (): boolean => [...this.#waitingOf(group).waiters].some((waiter) => waiter.member === member);
    if (round.verdict !== undefined || isBack()) return;
    if (isLastStage(round.operation, stage)) group.retreat(member, stage);
    this.#timer(group, this.#options.reconnectMilliseconds, () => {
      if (group.round !== round || (group.stages.get(member) ?? 0) > stage || group.isComplete(stage)) return;
      if (!isBack()) this.#abort(group, `${member} is gone since ${hookAt(round.operation, stage)}`);
    });
  }

  #timer(group: Group, milliseconds: number, callback: () => void): void {
    const { timers } = this.#waitingOf(group);
    const timer = this.#parts.clock.setTimer(milliseconds, () => {
      timers.delete(timer);
      callback();
    });
    timers.add(timer);
  }

  #endTimers(group: Group): void {
    const timers = this.#waiting.get(group)?.timers;
    for (const timer of timers ?? []) timer.cancel();
    timers?.clear();
  }

  #waitingOf(group: Group): Waiting {
    let waiting = this.#waiting.get(group);
    if (waiting === undefined) {
      waiting = { waiters: new Set(), timers: new Set() };
      this.#waiting.set(group, waiting);
    }
    return waiting;
  }

  #add(group: Group): Group {
    if (this.#groups.size >= MAX_GROUPS) this.#makeRoom();
    this.#groups.set(keyOf(group.session, group.name), group);
    this.#save(group);
    return group;
  }

  #makeRoom(): void {
    const idle = [...this.#groups.values()].filter((group) => this.waitersOf(group) === 0);
    idle.sort((one, other) => one.touchedAt - other.touchedAt);
    for (const group of idle.slice(0, MAX_GROUPS / 10)) this.#drop(group);
  }

  #drop(group: Group): void {
    this.#endTimers(group);
    this.#waiting.delete(group);
    this.#groups.delete(keyOf(group.session, group.name));
    this.#parts.state.delete(JSON.stringify(['group', group.session, group.name]));
    for (const member of group.stages.keys()) {
      this.#parts.state.delete(JSON.stringify(['arrival', group.session, group.name, member]));
    }
  }

  #save(group: Group, durable = false): void {
    const stored: StoredGroup = {
      ...(group.declared !== undefined && { declared: [...group.declared] }),
      size: group.size,
      ...(group.round !== undefined && { round: group.round }),
      touchedAt: group.touchedAt,
    };
    this.#parts.state.put(JSON.stringify(['group', group.session, group.name]), JSON.stringify(stored), durable);
  }

  #load(): void {
    const stages = new Map<string, [string, number][]>();
    const stored: [session: string, name: string, facts: StoredGroup][] = [];
    for (const [key, value] of this.#parts.state.entries()) {
      const [kind, session, name, member] = JSON.parse(key) as [string, string, string, string];
      if (kind === 'group') stored.push([session, name, JSON.parse(value) as StoredGroup]);
      if (kind !== 'arrival') continue;
      const known = stages.get(keyOf(session, name)) ?? [];
      known.push([member, Number(value)]);
      stages.set(keyOf(session, name), known);
    }
    for (const [session, name, { declared, ...facts }] of stored) {
      const key = keyOf(session, name);
      const group = new Group({
        ...{ session, name, ...facts, stages: stages.get(key) ?? [] },
        ...(declared !== undefined && { declared: new Set(declared) }),
      });
      this.#groups.set(key, group);
      this.#resume(group);
    }
  }

  /** Who waited when the coordinator ended comes again; the barriers' clocks have gone on meanwhile. */
  #resume(group: Group): void {
    const { round } = group;
    if (round === undefined || round.verdict !== undefined) return;
    for (const hook of Object.keys(round.openedAt)) {
      const stage = stageOf(hook)?.stage;
      if (stage !== undefined && !group.isComplete(stage)) this.#arm(group, round, stage);
    }
  }
}

function refusal(round: Round): string {
  return `aborted: ${round.reason ?? ''}`;
}

function keyOf(session: string, group: string): string {
  return JSON.stringify([session, group]);
}
