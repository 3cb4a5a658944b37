import type { Clock } from '../clock/index.ts';
import type { Log } from '../model/index.ts';
import { DEFAULT_RECONNECT_MILLISECONDS, DEFAULT_WAIT_MILLISECONDS } from './defaults.ts';
import { GroupBarriers } from './groups.ts';
import { PairwiseBarriers } from './pairwise.ts';
import { ACK, type CoordinationRequest, type HookRequest } from './protocol.ts';
import type { CoordinationState } from './state.ts';
import { admits } from './tokens.ts';

export interface CoordinatorOptions {
  /** How long a barrier waits. Default 30 s, as upstream. */
  waitMilliseconds?: number;
  /** Other times for single hooks of groups, e.g. `{ 'post-dump': 300_000 }`. */
  hookMilliseconds?: Readonly<Record<string, number>>;
  /** Default 1 s. */
  reconnectMilliseconds?: number;
  /** With it every request needs a token; see {@link issueToken}. */
  secret?: string;
}

export interface CoordinatorStatus {
  groups: {
    session: string;
    group: string;
    size: number;
    waiting: number;
    round?: number;
    operation?: string;
    verdict?: string;
    reason?: string;
    members: Record<string, number>;
  }[];
  members: { session: string; id: string; operation: string; waiting: number }[];
  counters: Readonly<Record<string, number>>;
}

/** Members kept at once that know no group. */
const MAX_PAIRWISE_MEMBERS = 100_000;
const REFUSED = 'not admitted';

/** Answers the requests of hooks, whichever way they come; holds no connection itself. */
export class Coordinator {
  readonly #clock: Clock;
  readonly #secret: string | undefined;
  readonly #pairwise: PairwiseBarriers;
  readonly #groups: GroupBarriers;
  readonly #counters = { requests: 0, acknowledged: 0, refused: 0, unanswered: 0, waitMilliseconds: 0 };

  constructor(parts: { clock: Clock; log: Log; state: CoordinationState }, options: CoordinatorOptions = {}) {
    const { waitMilliseconds = DEFAULT_WAIT_MILLISECONDS, hookMilliseconds = {} } = options;
    this.#clock = parts.clock;
    this.#secret = options.secret;
    this.#pairwise = new PairwiseBarriers(parts, waitMilliseconds);
    this.#groups = new GroupBarriers(parts, {
      timeoutMilliseconds: (hook) => hookMilliseconds[hook] ?? waitMilliseconds,
      reconnectMilliseconds: options.reconnectMilliseconds ?? DEFAULT_RECONNECT_MILLISECONDS,
    });
  }

  /** The bytes to answer with; '' for none. `signal` is aborted when whoever asked is gone. */
  async answer(request: CoordinationRequest, signal: AbortSignal): Promise<string> {
    const began = this.#clock.now();
    this.#counters.requests++;
    const reply = this.#isAdmitted(request) ? await this.#answer(request, signal) : REFUSED;
    this.#counters.waitMilliseconds += this.#clock.now() - began;
    if (reply === '') this.#counters.unanswered++;
    else if (reply === ACK || request.kind === 'status') this.#counters.acknowledged++;
    else this.#counters.refused++;
    return reply;
  }

  status(session?: string): CoordinatorStatus {
    const isAsked = (name: string): boolean => session === undefined || session === name;
    return {
      groups: [...this.#groups.groups()]
        .filter((group) => isAsked(group.session))
        .map((group) => ({
          session: group.session,
          group: group.name,
          size: group.size,
          waiting: this.#groups.waitersOf(group),
          ...(group.round !== undefined && {
            round: group.round.number,
            operation: group.round.operation,
            ...(group.round.verdict !== undefined && { verdict: group.round.verdict }),
            ...(group.round.reason !== undefined && { reason: group.round.reason }),
          }),
          members: Object.fromEntries(group.stages),
        })),
      members: [...this.#pairwise.describe()].filter((member) => isAsked(member.session)),
      counters: { ...this.#counters, ...this.#groups.counters },
    };
  }

  /** Ends all waiting unanswered; what was decided, and how far all were, is in the state. */
  stop(): void {
    this.#groups.stop();
  }

  #isAdmitted(request: CoordinationRequest): boolean {
    if (this.#secret === undefined) return true;
    const { session, token } = request;
    const member = request.kind === 'hook' ? request.id : '';
    return admits(this.#secret, token, { session, member }, this.#clock.now());
  }

  async #answer(request: CoordinationRequest, signal: AbortSignal): Promise<string> {
    switch (request.kind) {
      case 'dependencies':
        this.#pairwise.declare(request.session, request.dependencies);
        return ACK;
      case 'group':
        return this.#groups.declare(request.session, request.group, request.members);
      case 'status':
        return `${JSON.stringify(this.status(request.session === '' ? undefined : request.session))}\n`;
      case 'hook':
        if (isOfGroup(request)) return this.#groups.hook(request, signal);
        if (this.#pairwise.size >= MAX_PAIRWISE_MEMBERS) return REFUSED;
        return this.#pairwise.hook(request, signal);
    }
  }
}

function isOfGroup(request: HookRequest): request is HookRequest & { group: string } {
  return request.group !== undefined;
}
