import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OPPORTUNISTIC_ANNOTATION } from '../../model/index.ts';
import { Cycle } from '../framework/cycle.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { type PodInfo, podInfo } from '../snapshot/pod-info.ts';
import { EPOCH, node, type PodBuilder, pod } from '../testing.ts';
import { Reclaim, type ReclaimOptions } from './reclaim.ts';

const MINUTE = 60_000;

const opportunistic = (name: string, wants: string): PodBuilder =>
  pod(name).annotations({ [OPPORTUNISTIC_ANNOTATION]: wants });

/** One node of 8 cpus; pods are placed without asking anybody. */
class Bench {
  now = EPOCH;
  readonly cluster = new Cluster();
  readonly leaving = new Set<string>();
  readonly stuck = new Set<string>();
  protection = 0;
  readonly plugin: Reclaim;

  constructor(options: ReclaimOptions = { windowSeconds: 600, margin: 0.25 }) {
    this.plugin = new Reclaim(
      {
        costOf: () => 1,
        isLeaving: ({ name }) => this.leaving.has(name),
        canDump: ({ name }) => !this.stuck.has(name),
        protectionOf: () => this.protection,
      },
      options,
    );
    this.cluster.follow(this.plugin);
    this.cluster.setNode(node('n1').allocatable({ cpu: '8', memory: '8Gi' }).build());
  }

  info(builder: PodBuilder): PodInfo {
    return podInfo(builder.build(), this.cluster.space, this.cluster.templates);
  }

  place(builder: PodBuilder): this {
    this.cluster.place(this.info(builder.on('n1')), 'n1');
    return this;
  }

  /** Measured every minute, for that many minutes. */
  uses(name: string, cpu: number, minutes = 1): this {
    for (let minute = 0; minute < minutes; minute++) {
      this.now += MINUTE;
      const placed = this.cluster.placed(`uid-${name}`);
      if (placed !== undefined) this.plugin.observe(placed, { cpu: cpu * 1_000, memory: 0 }, this.now);
    }
    return this;
  }

  /** Why the pod cannot come; undefined: it can. */
  refusal(builder: PodBuilder): string | undefined {
    const cycle = new Cycle(this.info(builder), this.now);
    const answer = this.plugin.preFilter(cycle);
    if (answer === 'skip') return 'ordinary';
    const n1 = this.cluster.node('n1');
    const rejection = answer ?? (n1 === undefined ? undefined : this.plugin.filter(cycle, n1));
    return rejection?.reasons.join(', ');
  }

  yielding(): string[] {
    return this.plugin.pressures(this.now).flatMap(({ victims }) => victims.map(({ name }) => name));
  }
}

test('what others requested is theirs until they were watched through a window', () => {
  const bench = new Bench().place(pod('web').requests({ cpu: '6' }));
  const batch = opportunistic('batch', 'cpu=5');
  bench.uses('web', 1, 10);
  assert.equal(bench.refusal(batch), 'Insufficient unused cpu');
  bench.uses('web', 1, 2);
  assert.equal(bench.refusal(batch), undefined, '8 − 1.25 is left');
  assert.equal(bench.refusal(opportunistic('large', 'cpu=7')), 'Insufficient unused cpu');
});

test('what is not requested by anybody is there for them too', () => {
  assert.equal(
    new Bench().place(pod('web').requests({ cpu: '6' })).refusal(opportunistic('batch', 'cpu=2')),
    undefined,
  );
});

test('two opportunistic pods do not use the same room', () => {
  const bench = new Bench().place(opportunistic('first', 'cpu=5'));
  assert.equal(bench.refusal(opportunistic('second', 'cpu=4')), 'Insufficient unused cpu');
});

test('as soon as others use what they hold, opportunistic pods go, and no more than needed', () => {
  const bench = new Bench().place(pod('web').requests({ cpu: '6' })).uses('web', 1, 12);
  bench.place(opportunistic('a', 'cpu=3')).place(opportunistic('b', 'cpu=3').priority(1));
  assert.deepEqual(bench.yielding(), []);
  bench.uses('web', 3);
  assert.deepEqual(bench.yielding(), ['a'], '8 − 3.75 leaves room for one of them');
  bench.leaving.add('a');
  assert.deepEqual(bench.uses('web', 3).yielding(), [], 'while it goes, nobody else is asked');
  assert.deepEqual(bench.uses('web', 6).yielding(), ['b']);
});

test('an ordinary pod that comes takes its requests at once', () => {
  const bench = new Bench().place(opportunistic('a', 'cpu=5'));
  assert.deepEqual(bench.yielding(), []);
  bench.place(pod('web').requests({ cpu: '4' }));
  assert.deepEqual(bench.yielding(), ['a']);
});

test('room that is promised to an ordinary pod is not there', () => {
  const bench = new Bench();
  bench.cluster.nominate(bench.info(pod('urgent').requests({ cpu: '6' })), 'n1');
  assert.equal(bench.refusal(opportunistic('batch', 'cpu=3')), 'Insufficient unused cpu');
});

test('one whose dump failed lately is left, and another goes if that helps', () => {
  const bench = new Bench().place(opportunistic('a', 'cpu=3')).place(opportunistic('b', 'cpu=3'));
  bench.stuck.add('a');
  bench.place(pod('web').requests({ cpu: '4' }));
  assert.deepEqual(bench.yielding(), ['b']);
});

test('measurements that cease stop to count: the requests are theirs again', () => {
  const bench = new Bench().place(pod('web').requests({ cpu: '6' })).uses('web', 1, 12);
  bench.place(opportunistic('a', 'cpu=5'));
  assert.deepEqual(bench.yielding(), []);
  bench.now = bench.plugin.nextSweep();
  assert.deepEqual(bench.yielding(), []);
  bench.now += 10 * MINUTE + 1;
  assert.deepEqual(bench.yielding(), ['a']);
});

test('one that had to go stays away the longer, the oftener that happened', () => {
  const bench = new Bench();
  bench.protection = 40_000;
  const again = opportunistic('batch', 'cpu=1').restoreFrom('batch-1', 0).created(0);
  assert.equal(bench.plugin.preEnqueue(bench.info(again), EPOCH + 39_999)?.until, EPOCH + 40_000);
  assert.equal(bench.plugin.preEnqueue(bench.info(again), EPOCH + 40_000), undefined);
});

const INVALID: Record<string, PodBuilder> = {
  'an amount nobody can read': opportunistic('batch', 'cpu=much'),
  'a resource that is not shared': opportunistic('batch', 'nvidia.com/gpu=1'),
  'requests besides': opportunistic('batch', 'cpu=1').requests({ cpu: '1' }),
};
for (const [name, builder] of Object.entries(INVALID)) {
  test(`an opportunistic pod is refused with the reason: ${name}`, () => {
    assert.match(new Bench().refusal(builder) ?? '', /^fermata\.dev\/opportunistic /);
  });
}

test('an ordinary pod is not asked about', () => {
  assert.equal(new Bench().refusal(pod('web').requests({ cpu: '99' })), 'ordinary');
});

test('whatever ordinary pods do, what opportunistic ones have is never more than the others leave, once they yielded', () => {
  const acts = fc.array(fc.record({ act: fc.nat(2), amount: fc.integer({ min: 1, max: 5 }) }), { maxLength: 30 });
  fc.assert(
    fc.property(acts, (steps) => {
      const bench = new Bench();
      let placed = 0;
      let requested = 0;
      for (const { act, amount } of steps) {
        const name = `p${placed}`;
        if (act === 0 && requested + amount <= 8) {
          requested += amount;
          bench.place(pod(name).requests({ cpu: String(amount) }));
          placed += 1;
        } else if (act === 1) {
          for (let index = 0; index < placed; index++) bench.uses(`p${index}`, amount / 4);
        } else if (bench.refusal(opportunistic(name, `cpu=${amount}`)) === undefined) {
          bench.place(opportunistic(name, `cpu=${amount}`));
          placed += 1;
        }
        for (const name of bench.yielding()) bench.cluster.displace(`uid-${name}`);
        assert.deepEqual(bench.plugin.pressures(bench.now), []);
        let wanted = 0;
        let expected = 0;
        for (const { pod: one } of bench.cluster.node('n1')?.pods.values() ?? []) {
          const wants = one.metadata.annotations?.[OPPORTUNISTIC_ANNOTATION];
          if (wants !== undefined) wanted += Number(wants.slice(4));
          // Nothing here is watched for a whole window in a minute a step, so that requests bound what is expected below.
          else if (bench.now - EPOCH < 10 * MINUTE)
            expected += Number(one.spec.containers[0]?.resources?.requests?.cpu);
        }
        assert.ok(wanted + expected <= 8, `${wanted} wanted beside ${expected} requested`);
      }
    }),
    { numRuns: 150 },
  );
});
