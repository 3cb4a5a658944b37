import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type Clock, type Timer, VirtualClock } from '../../clock/index.ts';
import { CONFIG_MAPS, EVENTS, FermataError, LEASES, type Lease, SILENT_LOG } from '../../model/index.ts';
import { ApiError } from '../api-error.ts';
import { EventRecorder } from '../event-recorder.ts';
import { MemoryBacking, Registry } from '../registry/index.ts';
import type { ObjectStore } from '../store.ts';
import { type LeaderElectionOptions, LeaderElector } from './leader-elector.ts';
import type { Term } from './term.ts';

const LOCK = { namespace: 'kube-system', name: 'fermata-scheduler' };

/** The clock of one machine: it may be set, and its alarms may stand still while time goes on. */
class MachineClock implements Clock {
  readonly #world: VirtualClock;
  skew = 0;
  stoodStill = 0;

  constructor(world: VirtualClock) {
    this.#world = world;
  }

  now(): number {
    return this.#world.now() + this.skew + this.stoodStill;
  }

  monotonic(): number {
    return this.#world.monotonic() + this.stoodStill;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return this.#world.sleep(milliseconds, signal);
  }

  setTimer(milliseconds: number, callback: () => void): Timer {
    return this.#world.setTimer(milliseconds, callback);
  }
}

let clock: VirtualClock;
let registry: Registry;
let replicas: Replica[];

/** One replica with its way to the server. */
class Replica {
  readonly elector: LeaderElector;
  readonly clock: MachineClock;
  readonly terms: Term[] = [];
  /** What the program of the present term writes through. */
  store: ObjectStore | undefined;
  /** The network. */
  cut = false;
  /** Requests to the store that are to be answered never, though carried out. */
  mute = false;

  constructor(identity: string, options: Partial<LeaderElectionOptions> = {}) {
    this.clock = new MachineClock(clock);
    const way = this.#way();
    const parts = { store: way, clock: this.clock, random: () => 0.5, log: SILENT_LOG };
    const events = new EventRecorder({ ...parts, store: registry }, { component: 'fermata-scheduler' });
    this.elector = new LeaderElector({ ...parts, events }, { ...LOCK, identity, ...options }, (store, term) => ({
      start: () => {
        this.terms.push(term);
        this.store = store;
      },
      stop: async () => {
        this.store = undefined;
      },
    }));
    replicas.push(this);
  }

  get leads(): boolean {
    return this.store !== undefined;
  }

  #way(): ObjectStore {
    return new Proxy<ObjectStore>(registry, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        return async (...given: unknown[]): Promise<unknown> => {
          if (this.cut) throw new ApiError('ServiceUnavailable', 'connect ECONNREFUSED', { status: 0 });
          const answer = (await Reflect.apply(value, target, given)) as unknown;
          if (this.mute) throw new ApiError('ServiceUnavailable', 'read ECONNRESET', { status: 0 });
          return answer;
        };
      },
    });
  }
}

beforeEach(() => {
  clock = new VirtualClock();
  registry = new Registry({ backing: new MemoryBacking(), clock, random: () => 0.5 });
  replicas = [];
});

afterEach(async () => {
  for (const replica of replicas) {
    replica.cut = false;
    replica.mute = false;
    const stopped = replica.elector.stop();
    await clock.advance(60_000);
    await stopped;
  }
  registry.close();
  assert.equal(clock.pending, 0, 'timers are left over');
});

async function lease(): Promise<NonNullable<Lease['spec']>> {
  const { spec } = await registry.get(LEASES, LOCK);
  assert.ok(spec);
  return spec;
}

function codeOf(error: unknown): string {
  return error instanceof FermataError ? error.code : String(error);
}

test('a single replica leads at once, renews its lease, and follows nobody', async () => {
  const one = new Replica('one');
  one.elector.start();
  await clock.advance(0);
  assert.equal(one.leads, true);
  assert.equal(one.terms[0]?.followsUnfinished, false);
  const first = await lease();
  assert.equal(first.holderIdentity, 'one');
  assert.equal(first.leaseDurationSeconds, 15);
  assert.equal(first.leaseTransitions, 0);
  await clock.advance(60_000);
  const later = await lease();
  assert.equal(later.acquireTime, first.acquireTime);
  assert.ok(Date.parse(later.renewTime ?? '') - Date.parse(first.renewTime ?? '') >= 58_000);
  assert.equal(one.terms.length, 1);
});

test('of two replicas one leads; when it ends in good order the other one leads at its next try', async () => {
  const [one, two] = [new Replica('one'), new Replica('two')];
  one.elector.start();
  await clock.advance(0);
  two.elector.start();
  await clock.advance(120_000);
  assert.deepEqual([one.leads, two.leads], [true, false]);
  assert.equal(two.elector.holder, 'one');
  await one.elector.stop();
  assert.equal((await lease()).holderIdentity, '');
  await clock.advance(4_400);
  assert.equal(two.leads, true);
  assert.equal(two.terms[0]?.followsUnfinished, false);
  assert.equal((await lease()).leaseTransitions, 1);
  const told = (await registry.list(EVENTS)).items.map(({ reason, message }) => `${reason}: ${message}`);
  assert.deepEqual(told.sort(), [
    'LeaderElection: one became leader',
    'LeaderElection: one stopped leading',
    'LeaderElection: two became leader',
  ]);
});

test('a leader that is cut off stops before another one begins, and what it would write is refused', async () => {
  const [one, two] = [new Replica('one'), new Replica('two')];
  one.elector.start();
  await clock.advance(0);
  two.elector.start();
  await clock.advance(2_000);
  const { store } = one;
  assert.ok(store);
  one.cut = true;
  const cutAt = clock.now();
  await clock.advanceUntil(() => !one.leads);
  const stoppedAfter = clock.now() - cutAt;
  assert.ok(stoppedAfter <= 10_000, `it led for ${stoppedAfter} ms more`);
  assert.equal(two.leads, false);
  one.cut = false;
  await assert.rejects(
    store.create(CONFIG_MAPS, { metadata: { namespace: 'default', name: 'late' } }),
    (error) => codeOf(error) === 'NotLeader',
  );
  one.cut = true;
  await clock.advanceUntil(() => two.leads);
  assert.ok(clock.now() - cutAt >= 13_000, 'the lease was taken before it had run out');
  assert.equal(two.terms[0]?.followsUnfinished, true);
  one.cut = false;
  await clock.advance(60_000);
  assert.deepEqual([one.leads, two.leads], [false, true]);
});

test('a leader that stood still is refused at its first write, before it has noticed anything', async () => {
  const one = new Replica('one');
  one.elector.start();
  await clock.advance(0);
  const { store } = one;
  assert.ok(store);
  one.clock.stoodStill = 10_000;
  await assert.rejects(
    store.patch(CONFIG_MAPS, { namespace: 'default', name: 'x' }, {}),
    (error) => codeOf(error) === 'NotLeader',
  );
  assert.equal((await store.list(CONFIG_MAPS)).items.length, 0, 'reads pass');
});

test('after a suspension of the machine nothing is written until the server has confirmed the lease', async () => {
  const one = new Replica('one');
  one.elector.start();
  await clock.advance(0);
  const { store } = one;
  assert.ok(store);
  one.clock.skew = 3_600_000; // the monotonic clock stood still meanwhile
  const draft = { metadata: { namespace: 'default', name: 'after' } };
  await assert.rejects(store.create(CONFIG_MAPS, draft), (error) => codeOf(error) === 'NotLeader');
  await clock.advance(2_000);
  assert.equal(one.terms.length, 1, 'nobody had taken it');
  await store.create(CONFIG_MAPS, draft);
});

test('clocks that are hours apart do not matter', async () => {
  const [one, two] = [new Replica('one'), new Replica('two')];
  two.clock.skew = 7_200_000;
  one.elector.start();
  await clock.advance(0);
  two.elector.start();
  await clock.advance(300_000);
  assert.deepEqual([one.leads, two.leads], [true, false]);
});

test('a renewal whose answer was lost does not end the term', async () => {
  const one = new Replica('one');
  one.elector.start();
  await clock.advance(0);
  one.mute = true;
  await clock.advance(7_000);
  one.mute = false;
  await clock.advance(30_000);
  assert.equal(one.terms.length, 1);
  assert.equal(one.leads, true);
});

test('a lease that somebody took away, or deleted, is not believed in any more', async () => {
  const one = new Replica('one');
  one.elector.start();
  await clock.advance(0);
  const spec = { holderIdentity: 'intruder', leaseDurationSeconds: 15, leaseTransitions: 7 };
  await registry.patch(LEASES, LOCK, { spec });
  await clock.advance(4_000);
  assert.equal(one.leads, false);
  await clock.advance(30_000);
  assert.equal(one.leads, true, 'the intruder did not renew it');
  assert.equal((await lease()).leaseTransitions, 8);
  assert.equal(one.terms[1]?.followsUnfinished, true);
  assert.notEqual(one.terms[1]?.id, one.terms[0]?.id);
});

test('one that gives the lease back with writes unanswered tells the next one so, until that has dealt with them', async () => {
  const [one, two, three] = [new Replica('one'), new Replica('two'), new Replica('three')];
  one.elector.start();
  await clock.advance(0);
  one.mute = true;
  const { store } = one;
  assert.ok(store);
  await assert.rejects(store.create(CONFIG_MAPS, { metadata: { namespace: 'default', name: 'x' } }));
  one.mute = false;
  await one.elector.stop();
  two.elector.start();
  await clock.advance(0);
  assert.equal(two.terms[0]?.followsUnfinished, true);
  await two.elector.stop();
  three.elector.start();
  await clock.advance(0);
  assert.equal(three.terms[0]?.followsUnfinished, true, 'two ended before it had settled anything');
  three.terms[0]?.predecessorSettled();
  await three.elector.stop();
  const four = new Replica('four');
  four.elector.start();
  await clock.advance(0);
  assert.equal(four.terms[0]?.followsUnfinished, false);
});

test('a write under way is cancelled when the term ends', async () => {
  const one = new Replica('one');
  one.elector.start();
  await clock.advance(0);
  const { store } = one;
  assert.ok(store);
  const term = one.terms[0];
  const held = Promise.withResolvers<never>();
  const create = registry.create.bind(registry);
  registry.create = ((_type: never, _object: never, options: { signal?: AbortSignal } = {}) => {
    options.signal?.addEventListener('abort', () => held.reject(options.signal?.reason));
    return held.promise;
  }) as typeof registry.create;
  const writing = store.create(CONFIG_MAPS, { metadata: { namespace: 'default', name: 'x' } });
  one.cut = true;
  await Promise.all([assert.rejects(writing, (error) => codeOf(error) === 'NotLeader'), clock.advance(15_000)]);
  registry.create = create;
  assert.equal(term?.signal.aborted, true);
});

test('times that cannot work are refused', () => {
  const wrong = { times: { leaseDurationMilliseconds: 10_000 } };
  assert.throws(
    () =>
      new LeaderElector(
        { store: registry, clock, random: () => 0, log: SILENT_LOG },
        { ...LOCK, identity: 'x', ...wrong },
        () => ({ start: () => undefined, stop: async () => undefined }),
      ),
    (error) => codeOf(error) === 'LeaderElectionInvalid',
  );
});
