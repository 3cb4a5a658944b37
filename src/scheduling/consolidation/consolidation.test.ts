import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_PROFILE, type Profile } from '../framework/profile.ts';
import { budget, checkpoint, node, type PodBuilder, pod, policy } from '../testing.ts';
import { Play } from '../testing-play.ts';
import { Story } from '../testing-story.ts';
import type { ConsolidationOptions } from './consolidation.ts';

const MINUTE = 60_000;

const consolidating = (options: ConsolidationOptions = {}): { profile: Profile } => ({
  profile: {
    ...DEFAULT_PROFILE,
    plugins: [...DEFAULT_PROFILE.plugins, { name: 'Consolidation' }],
    args: { Consolidation: options },
  },
});

const running = (name: string, on: string, cpu: number, memory = '64Mi'): PodBuilder =>
  pod(name)
    .requests({ cpu: String(cpu), memory })
    .on(on);
const large = (cpu: number): PodBuilder =>
  pod('large')
    .requests({ cpu: String(cpu), memory: '64Mi' })
    .created(1);

/** Two nodes of 4 cpus, each with a pod of 1: room for 6, but for no pod of 4. */
function fragmented(options: ConsolidationOptions = {}, memory = '64Mi'): Story {
  const nodes = ['n1', 'n2'].map((name) => node(name).allocatable({ cpu: '4', memory: '512Gi' }));
  return new Story(consolidating(options))
    .nodes(...nodes)
    .pods(running('a', 'n1', 1, memory), running('b', 'n2', 1, memory));
}

test('a pod of the same priority is moved, so that a large one fits', () => {
  const world = fragmented().after(MINUTE).pods(large(4));
  const [decision] = world.decide();
  assert.ok(decision?.type === 'Interrupt');
  assert.equal(decision.reason, 'Migration');
  assert.deepEqual(
    decision.victims.map(({ pod: { name }, action }) => [name, action]),
    [['a', 'Checkpoint']],
  );
  assert.match(decision.explanation.summary, /They are moved, and go on: default\/a on n2; waiting would cost/);
});

test('without the plugin, it waits', () => {
  const nodes = ['n1', 'n2'].map((name) => node(name).allocatable({ cpu: '4' }));
  const world = new Story().nodes(...nodes).pods(running('a', 'n1', 1), running('b', 'n2', 1));
  assert.match(world.after(MINUTE).pods(large(4)).brief().join(), /^Unschedulable large/);
});

const LEFT: Record<string, { world: () => Story }> = {
  'when they would have no room elsewhere': {
    world: () => fragmented().pods(running('c', 'n1', 3), running('d', 'n2', 3)),
  },
  'when moving costs more than waiting': { world: () => fragmented({ expectedWaitSeconds: 0.1 }) },
  'when their dumps are too large to pay': { world: () => fragmented({}, '400Gi') },
  'when their policy says Never': {
    world: () =>
      fragmented().tell({ type: 'InterruptionPolicyChanged', policy: policy('p', { onPreemption: 'Never' }) }),
  },
  'when a disruption budget is exhausted': {
    world: () => {
      const labels = { app: 'a' };
      return fragmented()
        .pods(running('a', 'n1', 1).labels(labels), running('b', 'n2', 1).labels(labels))
        .tell({ type: 'PodDisruptionBudgetChanged', budget: budget('b', labels, 0) });
    },
  },
  'when more would have to move than allowed': { world: () => fragmented({ maximumMoves: 0 }) },
};
for (const [name, { world }] of Object.entries(LEFT)) {
  test(`pods are left where they are ${name}`, () => {
    assert.match(world().after(MINUTE).pods(large(4)).brief().join(), /^Unschedulable large/);
  });
}

test('a pod of higher priority is not moved for a lower one', () => {
  const nodes = ['n1', 'n2'].map((name) => node(name).allocatable({ cpu: '4' }));
  const world = new Story(consolidating()).nodes(...nodes);
  world
    .pods(running('a', 'n1', 1).priority(5), running('b', 'n2', 1).priority(5))
    .after(MINUTE)
    .pods(large(4));
  assert.match(world.brief().join(), /^Unschedulable large/);
});

test('the room for the moved pod is kept from others until it is there', () => {
  const world = fragmented().after(MINUTE).pods(large(4));
  assert.deepEqual(world.brief(), ['Interrupt Checkpoint a for large → n1']);
  world.pods(pod('thief').requests({ cpu: '3' }).created(2));
  assert.match(
    world.brief().join(),
    /^Unschedulable thief: .*1 node\(s\) keep room for a pod that is being moved there/,
  );
  world.pods(pod('modest').requests({ cpu: '2' }).created(3));
  assert.deepEqual(world.brief(), ['Bind modest → n2'], 'what is left beside it is there');
});

test('once it is there, nothing more is kept for it', () => {
  const moved = running('a', 'n1', 1);
  const world = fragmented().pods(moved).after(MINUTE).pods(large(4));
  assert.deepEqual(world.brief(), ['Interrupt Checkpoint a for large → n1']);
  const order = checkpoint(moved.build()).created(MINUTE).for(large(4).build());
  world.checkpoints(order).checkpoints(order.ready(MINUTE)).gone(moved).checkpoints(order.released());
  world.pods(pod('a').uid('again').requests({ cpu: '1', memory: '64Mi' }).restoreFrom('a-1', 0));
  assert.deepEqual(world.brief().sort(), ['Bind a → n2', 'Bind large → n1']);
  assert.deepEqual(world.pods(pod('two').requests({ cpu: '2' }).created(2)).brief(), ['Bind two → n2']);
});

test('everybody goes on: the large one where it was made room, the moved one on the other node', () => {
  const nodes = ['n1', 'n2'].map((name) => node(name).allocatable({ cpu: '4' }));
  const world = new Play(consolidating(), nodes);
  world.submit(pod('a').requests({ cpu: '1' }), { when: 0, runs: 60 * MINUTE });
  world.submit(pod('b').requests({ cpu: '1' }), { when: 0, runs: 60 * MINUTE });
  world.submit(pod('large').requests({ cpu: '4' }), { when: 5 * MINUTE, runs: 10 * MINUTE });
  world.play(3 * 60 * MINUTE);
  assert.ok((world.startOf('large') ?? Infinity) < 6 * MINUTE);
  const moved = ['a', 'b'].map((name) => world.runsOf(name)).find((runs) => runs.length === 2);
  assert.ok(moved !== undefined, 'one of them moved');
  assert.notEqual(moved[0]?.nodeName, moved[1]?.nodeName);
  assert.ok((moved[1]?.from ?? Infinity) - (moved[0]?.until ?? 0) < MINUTE, 'it went on at once');
  assert.deepEqual(world.waiting, []);
});

test('whenever pods are moved, all of them and the pod they make room for have room at once', () => {
  const sizes = fc.array(fc.integer({ min: 3, max: 6 }), { minLength: 2, maxLength: 3 });
  const placed = fc.array(fc.record({ cpu: fc.integer({ min: 1, max: 3 }), on: fc.nat(2) }), { maxLength: 7 });
  fc.assert(
    fc.property(sizes, placed, fc.integer({ min: 2, max: 6 }), (cpus, pods, asks) => {
      const free = [...cpus];
      const world = new Story(consolidating()).nodes(
        ...cpus.map((cpu, index) => node(`n${index}`).allocatable({ cpu: String(cpu) })),
      );
      const sizeOf = new Map<string, number>();
      const on = new Map<string, number>();
      pods.forEach(({ cpu, on: index }, number) => {
        const bin = index % cpus.length;
        if ((free[bin] ?? 0) < cpu) return;
        free[bin] = (free[bin] ?? 0) - cpu;
        sizeOf.set(`p${number}`, cpu);
        on.set(`p${number}`, bin);
        world.pods(running(`p${number}`, `n${bin}`, cpu));
      });
      if (free.some((room) => room >= asks)) return;
      const [decision] = world.after(MINUTE).pods(large(asks)).decide();
      if (decision?.type !== 'Interrupt') {
        // Nothing that moving a single pod would have solved is overlooked.
        for (const [name, bin] of on) {
          const size = sizeOf.get(name) ?? 0;
          const fits = (free[bin] ?? 0) + size >= asks && free.some((room, other) => other !== bin && room >= size);
          assert.ok(!fits, `moving ${name} would have made room`);
        }
        return;
      }
      const to = new Map(
        [...decision.explanation.summary.matchAll(/default\/(\w+) on n(\d)/g)].map((match) => [
          match[1] ?? '',
          Number(match[2]),
        ]),
      );
      const target = Number(decision.nodeName.slice(1));
      for (const {
        pod: { name },
      } of decision.victims) {
        const size = sizeOf.get(name) ?? 0;
        free[on.get(name) ?? 0] = (free[on.get(name) ?? 0] ?? 0) + size;
        const bin = to.get(name) ?? assert.fail(`${name} has no place to go`);
        free[bin] = (free[bin] ?? 0) - size;
      }
      free[target] = (free[target] ?? 0) - asks;
      assert.ok(
        free.every((room) => room >= 0),
        JSON.stringify(free),
      );
    }),
    { numRuns: 200 },
  );
});

test('a pod that could not be helped is tried again when room elsewhere lets others move', () => {
  const other = running('c', 'n2', 3);
  const world = fragmented().pods(other).after(MINUTE).pods(large(4));
  assert.match(world.brief().join(), /^Unschedulable large/);
  assert.deepEqual(world.after(MINUTE).gone(other).brief(), ['Interrupt Checkpoint a for large → n1']);
});
