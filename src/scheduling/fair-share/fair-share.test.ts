import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { QueuedPod } from '../framework/phases.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { EPOCH, node, type PodBuilder, pod } from '../testing.ts';
import { FairShare, type FairShareOptions } from './fair-share.ts';
import { NamespaceUsage } from './namespace-usage.ts';

const HOUR = 3_600_000;

/** A cluster of one node with 10 cpus, who used what of it, and who waits. */
class Fairness {
  now = EPOCH;
  readonly #cluster = new Cluster();
  readonly usage: NamespaceUsage;
  readonly plugin: FairShare;
  #sequence = 0;

  constructor(options: FairShareOptions = {}) {
    this.usage = new NamespaceUsage((options.halfLifeSeconds ?? 3_600) * 1_000, () => this.now);
    this.plugin = new FairShare(this.usage, options);
    const { info } = this.#cluster.setNode(node('n1').allocatable({ cpu: '10' }).build());
    this.usage.nodeChanged(info);
  }

  /** The namespace holds that many cpus for that long. */
  used(namespace: string, cpu: number, milliseconds: number): this {
    const info = this.#info(pod(`used-${this.#sequence++}`).namespace(namespace), cpu);
    this.usage.podPlaced(info);
    this.now += milliseconds;
    this.usage.podDisplaced(info);
    return this;
  }

  waiting(name: string, builder: (one: PodBuilder) => PodBuilder = (one) => one, cpu = 1): QueuedPod {
    const [namespace = ''] = name.split('/');
    const info = this.#info(builder(pod(name).namespace(namespace)), cpu);
    return { info, firstEnqueuedAt: info.createdAt ?? 0, suspended: false, sequence: this.#sequence++ };
  }

  order(...pods: QueuedPod[]): string[] {
    this.plugin.rank(pods, this.now);
    return [...pods].sort((one, other) => (this.plugin.less(one, other) ? -1 : 1)).map(({ info }) => info.name);
  }

  #info(builder: PodBuilder, cpu: number) {
    return podInfo(builder.requests({ cpu: String(cpu) }).build(), this.#cluster.space);
  }
}

test('of equal priority the namespace that used less goes first, whoever came first', () => {
  const world = new Fairness().used('a', 4, HOUR);
  assert.deepEqual(
    world.order(
      world.waiting('a/1', (one) => one.created(0)),
      world.waiting('b/1', (one) => one.created(9)),
    ),
    ['b/1', 'a/1'],
  );
});

test('priority outranks fair share', () => {
  const world = new Fairness().used('a', 4, HOUR);
  assert.deepEqual(
    world.order(
      world.waiting('b/1'),
      world.waiting('a/1', (one) => one.priority(1)),
    ),
    ['a/1', 'b/1'],
  );
});

test('who is entitled to more may have used more', () => {
  const world = new Fairness({ shares: { a: 5 } }).used('a', 4, HOUR).used('b', 1, HOUR);
  assert.deepEqual(world.order(world.waiting('b/1'), world.waiting('a/1')), ['a/1', 'b/1']);
});

test('a namespace without shares goes last', () => {
  const world = new Fairness({ shares: { a: 0 } }).used('b', 9, HOUR);
  assert.deepEqual(world.order(world.waiting('a/1'), world.waiting('b/1')), ['b/1', 'a/1']);
});

test('what was used long ago fades: the order turns round', () => {
  const world = new Fairness().used('a', 8, HOUR);
  world.now += 5 * HOUR;
  world.used('b', 1, HOUR);
  assert.deepEqual(world.order(world.waiting('b/1'), world.waiting('a/1')), ['a/1', 'b/1']);
});

test('a large backlog of one namespace does not start before it counts', () => {
  const world = new Fairness();
  const pods = [1, 2, 3].flatMap((number) => [world.waiting(`a/${number}`), world.waiting(`a/${number + 10}`)]);
  const other = world.waiting('b/1', (one) => one.created(50));
  assert.deepEqual(world.order(...pods, other).slice(0, 3), ['a/1', 'b/1', 'a/11']);
});

test('a scheduler started later charges what it finds running from its start on', () => {
  const world = new Fairness();
  world.now = EPOCH + HOUR;
  const info = podInfo(pod('old').namespace('a').requests({ cpu: '5' }).on('n1', 0).build(), new Cluster().space);
  world.usage.podPlaced(info);
  const used = world.usage.of('a', world.now);
  // Half the cluster for one half-life: 0.5 × (1 h ÷ ln 2) × (1 − ½).
  assert.ok(Math.abs(used - (0.5 * 3_600 * 0.5) / Math.LN2) < 1e-6, `${used}`);
  world.usage.podDisplaced(info);
  world.usage.podPlaced(info);
  assert.equal(world.usage.of('a', world.now), used, 'once');
});

test("the factor is Slurm's: 1 unused, 0.5 at just its share, 0 without shares", () => {
  const world = new Fairness({ shares: { c: 0 } });
  const names = ['a', 'b'];
  assert.equal(world.plugin.factorOf('a', names, world.now), 1);
  world.used('a', 4, HOUR);
  world.used('b', 4, HOUR);
  world.now += 40 * HOUR;
  assert.ok(
    Math.abs(world.plugin.factorOf('a', names, world.now) - 2 ** -(2 / 3)) < 1e-6,
    'a: half as much as b by decay',
  );
  assert.equal(world.plugin.factorOf('c', [...names, 'c'], world.now), 0);
});

test('while two namespaces have pods waiting, what they get never strays from their shares by more than a pod each', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.shuffledSubarray([...Array(24).keys()], { minLength: 24 }),
      (a, b, order) => {
        const world = new Fairness({ shares: { a, b } });
        const pods = order.map((number) => world.waiting(`${number % 2 === 0 ? 'a' : 'b'}/${number}`));
        const got = { a: 0, b: 0 };
        for (const name of world.order(...pods)) {
          got[name.startsWith('a') ? 'a' : 'b'] += 1;
          if (got.a === 12 || got.b === 12) return;
          assert.ok(Math.abs(got.a / a - got.b / b) <= 1 / a + 1 / b, JSON.stringify(got));
        }
      },
    ),
    { numRuns: 100 },
  );
});
