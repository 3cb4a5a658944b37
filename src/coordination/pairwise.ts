import type { Clock } from '../clock/index.ts';
import { ACK, type HookRequest, REPLY } from './protocol.ts';
import type { CoordinationState } from './state.ts';

interface Member {
  operation: 'Dump' | 'Restore';
  ready: boolean;
  localCheckpoint: boolean;
  networkLocked: boolean;
  networkUnlocked: boolean;
}

interface Waiter {
  isDone: () => boolean;
  resolve: (reply: string) => void;
}

interface Session {
  members: Map<string, Member>;
  dependencies: Map<string, readonly string[]>;
  waiters: Set<Waiter>;
}

export interface PairwiseParts {
  clock: Clock;
  state: CoordinationState;
}

/**
 * The barriers of criu-coordinator v0.1.0 between ids that list each other, as its clients know them: a barrier waits for the
 * ids in the request's own list only, for all of them together as long as the timeout says. Two things differ, where upstream
 * makes members wait for nothing: `network-unlock` after a dump is answered at once (upstream has forgotten the member by then
 * and lets it wait out its timeout with the network locked), and so is one that waits for a member which has ended its restore.
 */
export class PairwiseBarriers {
  readonly #clock: Clock;
  readonly #state: CoordinationState;
  readonly #timeoutMilliseconds: number;
  readonly #sessions = new Map<string, Session>();

  constructor(parts: PairwiseParts, timeoutMilliseconds: number) {
    this.#clock = parts.clock;
    this.#state = parts.state;
    this.#timeoutMilliseconds = timeoutMilliseconds;
    for (const [key, value] of parts.state.entries()) {
      const [kind, session, id] = JSON.parse(key) as [string, string, string];
      if (kind === 'member') this.#session(session).members.set(id, JSON.parse(value) as Member);
      if (kind === 'dependencies') this.#session(session).dependencies.set(id, JSON.parse(value) as string[]);
    }
  }

  /** Members known now, of all sessions. */
  get size(): number {
    let members = 0;
    for (const session of this.#sessions.values()) members += session.members.size;
    return members;
  }

  *describe(): Generator<{ session: string; id: string; operation: string; waiting: number }> {
    for (const [name, session] of this.#sessions) {
      for (const [id, { operation }] of session.members) {
        yield { session: name, id, operation, waiting: session.waiters.size };
      }
    }
  }

  declare(sessionName: string, dependencies: ReadonlyMap<string, readonly string[]>): void {
    const session = this.#session(sessionName);
    for (const [id, names] of dependencies) {
      session.dependencies.set(id, names);
      this.#state.put(JSON.stringify(['dependencies', sessionName, id]), JSON.stringify(names));
    }
  }

  /** The reply; '' when the connection (`signal`) ended first. */
  async hook(request: HookRequest, signal: AbortSignal): Promise<string> {
    const { id, action } = request;
    const session = this.#session(request.session);
    const known = session.members.get(id);
    const names = request.dependencies.length > 0 ? request.dependencies : (session.dependencies.get(id) ?? []);
    const all = (done: (member: Member | undefined) => boolean) => () =>
      names.every((name) => done(session.members.get(name)));
    const isConnected = all((member) => member !== undefined);
    const wait = (isDone: () => boolean) => this.#wait(session, isDone, signal);
    const change = (member: Member, next: Partial<Member>) => this.#put(request.session, id, { ...member, ...next });

    switch (action) {
      case 'pre-dump':
      case 'pre-stream':
      case 'pre-restore': {
        const operation = action === 'pre-restore' ? 'Restore' : 'Dump';
        const fresh = { localCheckpoint: false, networkLocked: false, networkUnlocked: false };
        this.#put(request.session, id, { operation, ready: false, ...fresh });
        return this.#ready(request, session, isConnected, all, signal);
      }
      case 'network-lock': {
        if (known === undefined) return REPLY.notConnected;
        if (known.networkLocked) return REPLY.alreadyConnected;
        const connected = await wait(isConnected);
        if (connected !== ACK) return connected;
        change(session.members.get(id) ?? known, { networkLocked: true });
        return wait(all((member) => member?.networkLocked === true));
      }
      case 'network-unlock': {
        if (known === undefined || known.operation === 'Dump') return ACK;
        change(known, { networkUnlocked: true });
        return wait(all((member) => member === undefined || member.networkUnlocked));
      }
      case 'post-dump': {
        if (known === undefined) return REPLY.notConnected;
        if (known.localCheckpoint) return REPLY.alreadyCreated;
        change(known, { localCheckpoint: true });
        const reply = await wait(all((member) => member === undefined || member.localCheckpoint));
        if (reply !== '') this.#forget(request.session, id);
        return reply;
      }
      case 'post-restore':
        return ACK;
      case 'post-resume':
        if (known?.operation === 'Restore') this.#forget(request.session, id);
        return ACK;
      case 'post-stream':
        if (known?.operation === 'Dump') this.#forget(request.session, id);
        return ACK;
      default:
        if (known === undefined) return REPLY.notConnected;
        return this.#ready(request, session, isConnected, all, signal);
    }
  }

  async #ready(
    { session: name, id }: HookRequest,
    session: Session,
    isConnected: () => boolean,
    all: (done: (member: Member | undefined) => boolean) => () => boolean,
    signal: AbortSignal,
  ): Promise<string> {
    const connected = await this.#wait(session, isConnected, signal);
    const member = session.members.get(id);
    if (connected !== ACK || member === undefined) return connected;
    this.#put(name, id, { ...member, ready: true });
    return this.#wait(
      session,
      all((one) => one?.ready === true),
      signal,
    );
  }

  #session(name: string): Session {
    let session = this.#sessions.get(name);
    if (session === undefined) {
      session = { members: new Map(), dependencies: new Map(), waiters: new Set() };
      this.#sessions.set(name, session);
    }
    return session;
  }

  #put(session: string, id: string, member: Member): void {
    this.#session(session).members.set(id, member);
    this.#state.put(JSON.stringify(['member', session, id]), JSON.stringify(member));
    this.#changed(session);
  }

  #forget(session: string, id: string): void {
    this.#session(session).members.delete(id);
    this.#state.delete(JSON.stringify(['member', session, id]));
    this.#changed(session);
  }

  #changed(name: string): void {
    const session = this.#sessions.get(name);
    if (session === undefined) return;
    for (const waiter of [...session.waiters]) if (waiter.isDone()) waiter.resolve(ACK);
    const isEmpty = session.members.size + session.dependencies.size + session.waiters.size === 0;
    if (isEmpty) this.#sessions.delete(name);
  }

  #wait(session: Session, isDone: () => boolean, signal: AbortSignal): Promise<string> {
    if (signal.aborted) return Promise.resolve('');
    if (isDone()) return Promise.resolve(ACK);
    return new Promise((resolve) => {
      const gone = (): void => waiter.resolve('');
      const timer = this.#clock.setTimer(this.#timeoutMilliseconds, () => waiter.resolve(REPLY.timeout));
      const waiter: Waiter = {
        isDone,
        resolve: (reply) => {
          timer.cancel();
          signal.removeEventListener('abort', gone);
          session.waiters.delete(waiter);
          resolve(reply);
        },
      };
      session.waiters.add(waiter);
      signal.addEventListener('abort', gone, { once: true });
    });
  }
}
