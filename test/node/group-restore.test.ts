import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  conditionOf,
  isConditionTrue,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  PODS,
  type PodGroupCheckpoint,
} from '../../src/model/index.ts';
import type { SimulatedFaults } from '../../src/runtime/index.ts';
import { counting, NodeWorld, STEPS } from './node-world.ts';
import type { DeathPlan } from './process-death.ts';

/** A group that was stopped comes back whole: whoever is back stands still until all are. */

const PLACES: Readonly<Record<string, string>> = { 'rank-0': 'n1', 'rank-1': 'n1', 'rank-2': 'n2' };
const RANKS = Object.keys(PLACES);
const RING = { namespace: 'default', name: 'ring' };
const COUNT = 20;

interface Options {
  faults?: SimulatedFaults;
  deaths?: readonly DeathPlan[];
  /** Ranks that nobody binds again. */
  unbound?: readonly string[];
}

class Ring {
  readonly the: NodeWorld;
  readonly unbound: Set<string>;

  private constructor(options: Options) {
    const { unbound = [], ...rest } = options;
    this.the = new NodeWorld({ nodes: ['n1', 'n2'], cpu: '8', controller: true, ...rest });
    this.unbound = new Set(unbound);
  }

  /** All ranks run, are stopped together, and their room is free. */
  static async stopped(options: Options = {}): Promise<Ring> {
    const ring = new Ring(options);
    const { the } = ring;
    for (const [name, nodeName] of Object.entries(PLACES)) {
      const draft = counting(name, { nodeName, steps: COUNT });
      await the.store.create(PODS, { ...draft, metadata: { ...draft.metadata, labels: { app: 'ring' } } });
    }
    await the.until(async () => (await ring.phases()).every((phase) => phase === 'Running'));
    await the.pass(0.5);
    await the.store.create(POD_GROUP_CHECKPOINTS, {
      metadata: RING,
      spec: { selector: { matchLabels: { app: 'ring' } }, postCheckpointState: 'Stopped', timeoutSeconds: 30 },
    });
    await the.until(async () => isConditionTrue((await ring.group()).status?.conditions, 'Released'));
    return ring;
  }

  group(): Promise<PodGroupCheckpoint> {
    return this.the.store.get(POD_GROUP_CHECKPOINTS, RING);
  }

  phases(): Promise<(string | undefined)[]> {
    return Promise.all(RANKS.map((name) => this.the.phase(name)));
  }

  steps(): number[] {
    return RANKS.map((name) => this.the.outputs.steps(`/shared/${name}`, this.the.clock.now()).length);
  }

  /** Binds what waits and may go, as a scheduler would, until `condition`. */
  async until(condition: () => boolean | Promise<boolean>, seconds = 1_200): Promise<void> {
    const { the } = this;
    await the.until(async () => {
      for (const { metadata, spec } of (await the.store.list(PODS)).items) {
        const { name, uid, deletionTimestamp, annotations } = metadata;
        const notBefore = Date.parse(annotations?.['fermata.dev/not-before'] ?? '1970-01-01T00:00:00Z');
        if (spec.nodeName !== undefined || deletionTimestamp !== undefined || this.unbound.has(name)) continue;
        if (the.clock.now() < notBefore) continue;
        await the.store.bind({ namespace: 'default', name, uid }, PLACES[name] === 'n1' ? 'n2' : 'n1');
      }
      return condition();
    }, seconds);
  }

  async prepared(): Promise<string[]> {
    const { items } = await this.the.store.list(POD_CHECKPOINTS);
    return items
      .filter(({ status }) => status?.restoration?.prepared !== undefined)
      .map(({ spec }) => spec.sourcePod.name);
  }

  async end(): Promise<void> {
    await this.until(async () => (await this.phases()).every((phase) => phase === 'Succeeded'));
    for (const name of RANKS) {
      assert.deepEqual(this.the.outputs.steps(`/shared/${name}`, this.the.clock.now()), STEPS(COUNT), name);
    }
    await this.the.until(async () => isConditionTrue((await this.group()).status?.conditions, 'Restored'));
    await this.the.stop();
  }
}

test('members that are back do nothing until the last one is', async () => {
  const faults: SimulatedFaults = {
    onRestore: ({ name }) => (name === 'rank-2' ? { kind: 'slow', milliseconds: 30_000 } : undefined),
  };
  const ring = await Ring.stopped({ faults });
  const before = ring.steps();
  await ring.until(async () => (await ring.prepared()).length === 2);
  await ring.the.pass(20);
  assert.deepEqual(ring.steps(), before);
  assert.deepEqual(await ring.phases(), ['Pending', 'Pending', 'Pending']);
  assert.equal((await ring.group()).status?.restoration, undefined);
  await ring.end();
  assert.equal((await ring.the.events('RestoreFailed')).length, 0);
});

test('one of them fails: none has run, all stay suspended, and all come back together later', async () => {
  let failures = 1;
  const faults: SimulatedFaults = {
    onRestore: ({ name }) =>
      name === 'rank-2' && failures-- > 0
        ? { kind: 'fail', reason: 'no such page', after: 50 }
        : { kind: 'slow', milliseconds: 100 },
  };
  const ring = await Ring.stopped({ faults });
  const before = ring.steps();
  await ring.until(async () => (await ring.group()).status?.restoration !== undefined);
  const { status } = await ring.group();
  assert.deepEqual([status?.restoration?.round, status?.restoration?.verdict], [2, undefined]);
  assert.match(status?.restoration?.message ?? '', /rank-2 did not come back: .*no such page/);
  await ring.the.pass(5);
  assert.deepEqual(ring.steps(), before);
  assert.match(conditionOf((await ring.group()).status?.conditions, 'Restored')?.message ?? '', /none ran/);
  const { items } = await ring.the.store.list(POD_CHECKPOINTS);
  assert.deepEqual(
    items.map((one) => [isConditionTrue(one.status?.conditions, 'Ready'), one.status?.restoration?.failures]),
    RANKS.map(() => [true, 1]),
  );
  await ring.end();
});

test('one that finds no room keeps the others waiting for two minutes, then they give their room back', async () => {
  const ring = await Ring.stopped({ unbound: ['rank-2'] });
  const before = ring.steps();
  await ring.until(async () => (await ring.prepared()).length === 2);
  await ring.until(async () => (await ring.group()).status?.restoration?.round === 2, 125);
  assert.equal((await ring.group()).status?.restoration?.message, 'rank-2 not back within 120 s');
  await ring.the.pass(2);
  for (const { machine } of ring.the.nodes) assert.deepEqual(machine.pods(ring.the.clock.now()), []);
  assert.deepEqual(ring.steps(), before);
  ring.unbound.clear();
  await ring.end();
});

test('one that its owner gives up is not waited for', async () => {
  const ring = await Ring.stopped({ unbound: ['rank-2'] });
  await ring.until(async () => (await ring.prepared()).length === 2);
  await ring.the.store.delete(PODS, { namespace: 'default', name: 'rank-2' });
  await ring.until(async () => {
    const [first, second] = await ring.phases();
    return first === 'Succeeded' && second === 'Succeeded';
  }, 60);
  assert.equal((await ring.group()).status?.restoration?.round, 1);
  await ring.the.stop();
});

test('what is decided is final, and a round that is over does not come back', async () => {
  const ring = await Ring.stopped();
  await ring.until(async () => (await ring.group()).status?.restoration?.verdict === 'Committed');
  const write = (restoration: object): Promise<unknown> =>
    ring.the.store.patch(POD_GROUP_CHECKPOINTS, RING, { status: { restoration } }, { subresource: 'status' });
  await assert.rejects(write({ round: 2, verdict: null }), /a decision is taken once/);
  await ring.end();
});

test('whenever its agent is killed, a group comes back whole', async () => {
  const undisturbed = await Ring.stopped();
  const first = undisturbed.the.calls.length;
  const { calls } = undisturbed.the;
  await undisturbed.end();
  for (const when of ['before', 'during', 'after'] as const) {
    for (let call = first; call <= calls.length; call += 5) {
      try {
        const ring = await Ring.stopped({ deaths: [{ call, when }] });
        let ran: number[] | undefined;
        await ring.until(async () => {
          const steps = ring.steps();
          ran ??= steps;
          const isDecided = (await ring.group()).status?.restoration?.verdict === 'Committed';
          assert.ok(
            isDecided || steps.every((count, rank) => count === ran?.[rank]),
            'nobody runs before all are back',
          );
          return isDecided;
        });
        await ring.end();
      } catch (error) {
        throw new Error(`killed ${when} call ${call} (${calls[call - 1]})`, { cause: error });
      }
    }
  }
});
