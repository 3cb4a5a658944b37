import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { POD_GROUP_LABEL } from '../../model/index.ts';
import { DUMP_CURVE, DUMP_FIXED_SECONDS, RESTORE_CURVE, RESTORE_FIXED_SECONDS } from '../constants.ts';
import { node, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';

interface Resident {
  name: string;
  on: number;
  cpu: number;
  gpu: number;
  usedMiB: number;
  priority: number;
  group: string;
}
interface Situation {
  nodes: { cpu: number; gpu: number }[];
  residents: Omit<Resident, 'name'>[];
  cpu: number;
  gpu: number;
}

const situation = fc.record<Situation>({
  nodes: fc.array(fc.record({ cpu: fc.integer({ min: 2, max: 6 }), gpu: fc.integer({ min: 0, max: 3 }) }), {
    minLength: 1,
    maxLength: 3,
  }),
  residents: fc.array(
    fc.record({
      on: fc.nat({ max: 2 }),
      cpu: fc.integer({ min: 0, max: 3 }),
      gpu: fc.constantFrom(0, 0, 1, 2),
      usedMiB: fc.constantFrom(1, 50, 900, 4_000),
      priority: fc.integer({ min: 0, max: 3 }),
      group: fc.constantFrom('', '', 'g1', 'g2'),
    }),
    { maxLength: 9, size: 'max' },
  ),
  cpu: fc.integer({ min: 0, max: 6 }),
  gpu: fc.integer({ min: 0, max: 3 }),
});

/** Those that fit where they are said to be. */
function residentsOf({ nodes, residents }: Situation): Resident[] {
  const free = nodes.map((one) => ({ ...one }));
  return residents.flatMap((one, index) => {
    const room = free[one.on];
    if (room === undefined || room.cpu < one.cpu || room.gpu < one.gpu) return [];
    room.cpu -= one.cpu;
    room.gpu -= one.gpu;
    return [{ ...one, name: `r${index}` }];
  });
}

function decide(given: Situation) {
  const story = new Story();
  given.nodes.forEach(({ cpu, gpu }, index) => {
    story.nodes(node(`n${index}`).allocatable({ cpu: String(cpu), 'example.com/gpu': String(gpu) }));
  });
  for (const one of residentsOf(given)) {
    const built = pod(one.name)
      .priority(one.priority)
      .requests({ cpu: String(one.cpu), 'example.com/gpu': String(one.gpu) })
      .on(`n${one.on}`);
    story.pods(one.group === '' ? built : built.labels({ [POD_GROUP_LABEL]: one.group }));
    story.tell({ type: 'UsageObserved', uid: `uid-${one.name}`, memoryBytes: one.usedMiB * 2 ** 20 });
  }
  const preemptor = pod('p').priority(3).preemption('CheckpointLowerPriority');
  story.pods(preemptor.requests({ cpu: String(given.cpu), 'example.com/gpu': String(given.gpu) }));
  const [decision] = story.after(3_600_000).decide();
  assert.ok(decision !== undefined);
  return decision;
}

type Unit = readonly Resident[];

/** Whom a plan may take, written out again from the documented rule: a group of two or more is one, and only whole. */
function unitsOf(residents: readonly Resident[]): Unit[] {
  const byGroup = Map.groupBy(residents, ({ group, name }) => (group === '' ? name : `group ${group}`));
  return [...byGroup.values()].filter((unit) => unit.every(({ priority }) => priority < 3));
}

type Rank = [highestPriority: number, cost: number];

/** Bandwidth is shared by all dumped on the plan's node; elsewhere a group's members share it among themselves. */
function rankOf(units: readonly Unit[], { nodes }: Situation, planNode: number): Rank {
  const victims = units.flat();
  let cost = 0;
  for (const { on, cpu, gpu, usedMiB, group } of victims) {
    const room = nodes[on] ?? { cpu: 0, gpu: 0 };
    const share = Math.max(0.001, cpu / room.cpu, room.gpu === 0 ? 0 : gpu / room.gpu);
    const bytes = usedMiB * 2 ** 20;
    const dumps = victims.filter((other) => other.on === on && (on === planNode || other.group === group)).length;
    const dump = DUMP_FIXED_SECONDS + bytes * DUMP_CURVE.secondsPerByte * dumps;
    cost += (dump + RESTORE_FIXED_SECONDS + bytes * RESTORE_CURVE.secondsPerByte) * share;
  }
  return [Math.max(-Infinity, ...victims.map(({ priority }) => priority)), cost];
}

function isBetter([highest, cost]: Rank, [otherHighest, otherCost]: Rank): boolean {
  return highest === otherHighest ? cost < otherCost - 1e-9 : highest < otherHighest;
}

/** Every set of units with a member on the node, on every node. */
function bestByForce(given: Situation, residents: readonly Resident[]): Rank | undefined {
  let best: Rank | undefined;
  given.nodes.forEach((room, index) => {
    const here = unitsOf(residents).filter((unit) => unit.some(({ on }) => on === index));
    for (let bits = 1; bits < 2 ** here.length; bits++) {
      const units = here.filter((_, place) => (bits & (1 << place)) !== 0);
      const gone = new Set(units.flat());
      const left = residents.filter((one) => one.on === index && !gone.has(one));
      const used = (of: 'cpu' | 'gpu'): number => left.reduce((sum, one) => sum + one[of], 0);
      if (used('cpu') + given.cpu > room.cpu || used('gpu') + given.gpu > room.gpu) continue;
      const rank = rankOf(units, given, index);
      if (best === undefined || isBetter(rank, best)) best = rank;
    }
  });
  return best;
}

test('groups, and resources of two kinds: a plan is found exactly when there is one, it is the best, and groups go whole', () => {
  fc.assert(
    fc.property(situation, (given) => {
      const residents = residentsOf(given);
      const decision = decide(given);
      const fits = given.nodes.some(({ cpu, gpu }, index) => {
        const here = residents.filter(({ on }) => on === index);
        const used = (of: 'cpu' | 'gpu'): number => here.reduce((sum, one) => sum + one[of], 0);
        return used('cpu') + given.cpu <= cpu && used('gpu') + given.gpu <= gpu;
      });
      if (fits) return assert.equal(decision.type, 'Bind');
      const best = bestByForce(given, residents);
      if (best === undefined) return assert.equal(decision.type, 'Unschedulable');
      assert.ok(decision.type === 'Interrupt', `wanted an interruption, got ${decision.type}`);
      const names = new Set(decision.victims.map((victim) => victim.pod.name));
      const units = unitsOf(residents).filter((unit) => unit.some(({ name }) => names.has(name)));
      assert.deepEqual(
        units.flatMap((unit) => unit.map(({ name }) => name)).sort(),
        [...names].sort(),
        'all members of a group or none',
      );
      const chosen = Number(decision.nodeName.slice(1));
      const left = residents.filter(({ on, name }) => on === chosen && !names.has(name));
      const used = (of: 'cpu' | 'gpu'): number => left.reduce((sum, one) => sum + one[of], 0);
      const capacity = given.nodes[chosen] ?? { cpu: 0, gpu: 0 };
      assert.ok(used('cpu') + given.cpu <= capacity.cpu && used('gpu') + given.gpu <= capacity.gpu, 'it fits then');
      const rank = rankOf(units, given, chosen);
      assert.ok(!isBetter(best, rank), `best ${best}, taken ${rank} on ${decision.nodeName}`);
      assert.ok(Math.abs((decision.explanation.plans[0]?.cost ?? 0) - rank[1]) < 0.001, 'the cost shown is the cost');
      for (const { name, members } of decision.groups ?? []) {
        const whole = residents.filter(({ group }) => group === name).map((one) => one.name);
        assert.deepEqual(members.map((member) => member.name).sort(), whole.sort());
      }
    }),
    { numRuns: 400 },
  );
});
