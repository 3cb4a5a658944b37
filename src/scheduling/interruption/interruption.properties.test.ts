import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { podRequests } from '../../model/index.ts';
import { DUMP_CURVE, DUMP_FIXED_SECONDS, RESTORE_CURVE, RESTORE_FIXED_SECONDS } from '../constants.ts';
import type { Decision } from '../contract.ts';
import { budget, node, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';

interface Resident {
  cpu: number;
  memoryMiB: number;
  priority: number;
  guarded: boolean;
}
interface Situation {
  nodes: { cpu: number; residents: Resident[] }[];
  cpu: number;
}

const resident = fc.record<Resident>({
  cpu: fc.integer({ min: 1, max: 4 }),
  memoryMiB: fc.integer({ min: 1, max: 4_000 }),
  priority: fc.integer({ min: 0, max: 3 }),
  guarded: fc.boolean(),
});
const situation = fc.record<Situation>({
  nodes: fc.array(fc.record({ cpu: fc.integer({ min: 2, max: 9 }), residents: fc.array(resident, { maxLength: 7 }) }), {
    minLength: 1,
    maxLength: 3,
  }),
  cpu: fc.integer({ min: 1, max: 9 }),
});

/** Residents that fit their node, under names that say where they are. */
function placed({ nodes }: Situation) {
  return nodes.map(({ cpu, residents }, index) => {
    let used = 0;
    const kept = residents.filter((one) => {
      if (used + one.cpu > cpu) return false;
      used += one.cpu;
      return true;
    });
    return {
      name: `n${index}`,
      cpu,
      used,
      residents: kept.map((one, place) => ({ ...one, name: `r${index}-${place}` })),
    };
  });
}

function decided(given: Situation): { decision: Decision; story: Story } {
  const story = new Story();
  // Every guarded pod is beyond its budget whatever the order, so that no order has to be guessed.
  story.tell({ type: 'PodDisruptionBudgetChanged', budget: budget('guard', { guard: 'yes' }, 0) });
  for (const { name, cpu, residents } of placed(given)) {
    story.nodes(node(name).allocatable({ cpu: String(cpu) }));
    for (const one of residents) {
      const built = pod(one.name)
        .priority(one.priority)
        .requests({ cpu: String(one.cpu) })
        .on(name);
      story.pods(one.guarded ? built.labels({ guard: 'yes' }) : built);
      story.tell({ type: 'UsageObserved', uid: `uid-${one.name}`, memoryBytes: one.memoryMiB * 2 ** 20 });
    }
  }
  const preemptor = pod('p')
    .priority(2)
    .requests({ cpu: String(given.cpu) })
    .preemption('CheckpointLowerPriority');
  const [decision] = story.after(3_600_000).pods(preemptor).decide();
  assert.ok(decision !== undefined);
  return { decision, story };
}

type Rank = [violations: number, highestPriority: number, cost: number, victims: number];

/** Everything written out again, from the documented rule alone. */
function rankOf(victims: readonly Resident[], nodeCpu: number): Rank {
  let cost = 0;
  for (const { cpu, memoryMiB } of victims) {
    const bytes = memoryMiB * 2 ** 20;
    const dump = DUMP_FIXED_SECONDS + bytes * DUMP_CURVE.secondsPerByte * victims.length;
    cost += (dump + RESTORE_FIXED_SECONDS + bytes * RESTORE_CURVE.secondsPerByte) * (cpu / nodeCpu);
  }
  const violations = victims.filter(({ guarded }) => guarded).length;
  return [violations, Math.max(-Infinity, ...victims.map(({ priority }) => priority)), cost, victims.length];
}

function isBetter(one: Rank, other: Rank): boolean {
  for (let index = 0; index < one.length; index++) {
    const left = one[index] ?? 0;
    const right = other[index] ?? 0;
    if (Math.abs(left - right) > 1e-9) return left < right;
  }
  return false;
}

/** Every subset of every node. */
function bestByForce(given: Situation): { node: string; rank: Rank } | undefined {
  let best: { node: string; rank: Rank } | undefined;
  for (const { name, cpu, used, residents } of placed(given)) {
    const lower = residents.filter(({ priority }) => priority < 2);
    for (let bits = 1; bits < 2 ** lower.length; bits++) {
      const victims = lower.filter((_, index) => (bits & (1 << index)) !== 0);
      const freed = victims.reduce((sum, one) => sum + one.cpu, 0);
      if (used - freed + given.cpu > cpu) continue;
      const rank = rankOf(victims, cpu);
      if (best === undefined || isBetter(rank, best.rank)) best = { node: name, rank };
    }
  }
  return best;
}

test('a small cluster: an interruption is found exactly when there is one, and it is the best there is', () => {
  fc.assert(
    fc.property(situation, (given) => {
      const { decision } = decided(given);
      const fits = placed(given).some(({ cpu, used }) => used + given.cpu <= cpu);
      if (fits) return assert.equal(decision.type, 'Bind');
      const best = bestByForce(given);
      if (best === undefined) return assert.equal(decision.type, 'Unschedulable');
      assert.ok(decision.type === 'Interrupt', `wanted an interruption on ${best.node}, got ${decision.type}`);
      const chosen = placed(given).find(({ name }) => name === decision.nodeName);
      const names = new Set(decision.victims.map((victim) => victim.pod.name));
      const victims = chosen?.residents.filter(({ name }) => names.has(name)) ?? [];
      assert.equal(victims.length, names.size, 'all victims are on the nominated node');
      const rank = rankOf(victims, chosen?.cpu ?? 0);
      assert.ok(!isBetter(best.rank, rank), `best ${best.rank} on ${best.node}, taken ${rank} on ${decision.nodeName}`);
      assert.ok(Math.abs((decision.explanation.plans[0]?.cost ?? 0) - rank[2]) < 0.001, 'the cost shown is the cost');
    }),
    { numRuns: 400 },
  );
});

test('victims suffice, none is superfluous, and none has equal or higher priority', () => {
  fc.assert(
    fc.property(situation, (given) => {
      const { decision } = decided(given);
      if (decision.type !== 'Interrupt') return;
      const chosen = placed(given).find(({ name }) => name === decision.nodeName);
      const sizes = decision.victims.map((victim) => {
        const one = chosen?.residents.find(({ name }) => name === victim.pod.name);
        assert.ok(one !== undefined && one.priority < 2);
        return one.cpu;
      });
      const free = (chosen?.cpu ?? 0) - (chosen?.used ?? 0);
      const freed = sizes.reduce((sum, size) => sum + size, 0);
      assert.ok(free + freed >= given.cpu, 'the pod fits once they are gone');
      for (const size of sizes) assert.ok(free + freed - size < given.cpu, 'and not with one of them still there');
    }),
    { numRuns: 300 },
  );
});

test('a bind that fails, and a pod that goes, leave the snapshot as it was', () => {
  fc.assert(
    fc.property(situation, fc.integer({ min: 1, max: 3 }), (given, cpu) => {
      const { story } = decided({ ...given, cpu: 99 });
      story.gone(pod('p'));
      const before = story.engine.snapshot();
      const extra = pod('extra')
        .priority(5)
        .requests({ cpu: String(cpu) });
      assert.equal(podRequests(extra.build()).cpu, cpu * 1000);
      const [decision] = story.pods(extra).decide();
      if (decision?.type === 'Bind') {
        story.tell({ type: 'BindFailed', uid: 'uid-extra', reason: 'refused' });
        assert.deepEqual(story.engine.snapshot(), before);
      }
      story.gone(extra);
      assert.deepEqual(story.engine.snapshot(), before);
    }),
    { numRuns: 200 },
  );
});
