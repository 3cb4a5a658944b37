import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { POD_GROUP_LABEL } from '../../model/index.ts';
import { EXPLAINED_ENTRIES } from '../constants.ts';
import type { ClusterEvent } from '../contract.ts';
import { EngineState } from '../engine-state.ts';
import { Cycle } from '../framework/cycle.ts';
import { DEFAULT_PROFILE } from '../framework/profile.ts';
import { Observer } from '../observer.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { budget, checkpoint, EPOCH, node, type PodBuilder, pod, policy } from '../testing.ts';
import { Hindrances } from './hindrances.ts';
import { Interruption } from './interruption.ts';
import type { InterruptionPlan } from './interruption-plan.ts';
import { planOrderOf } from './plan-order.ts';

interface Resident {
  cpu: number;
  memory: number;
  priority: number;
  usedMiB: number;
  startedMinutes: number;
  labels: 'none' | 'exhausted' | 'allowed' | 'never' | 'either';
  group: 'alone' | 'g1' | 'g2';
  leaving: boolean;
}
interface Situation {
  nodes: { cpu: number; memory: number; residents: Resident[]; port: boolean }[];
  cpu: number;
  memory: number;
  priority: number;
  plain: boolean;
  promised: number;
}

// Few distinct values, so that ties are as common as differences.
const resident = fc.record<Resident>({
  cpu: fc.constantFrom(0, 1, 1, 2, 3),
  memory: fc.constantFrom(0, 1, 2),
  priority: fc.integer({ min: 0, max: 4 }),
  usedMiB: fc.constantFrom(1, 100, 100, 4_000),
  startedMinutes: fc.constantFrom(0, 0, 30, 59),
  labels: fc.constantFrom('none', 'none', 'none', 'exhausted', 'allowed', 'never', 'either'),
  group: fc.constantFrom('alone', 'alone', 'alone', 'alone', 'g1', 'g2'),
  leaving: fc.constantFrom(false, false, false, true),
});
const situation = fc.record<Situation>({
  nodes: fc.array(
    fc.record({
      cpu: fc.integer({ min: 2, max: 6 }),
      memory: fc.integer({ min: 2, max: 6 }),
      residents: fc.array(resident, { maxLength: 5 }),
      port: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  cpu: fc.integer({ min: 0, max: 5 }),
  memory: fc.integer({ min: 0, max: 3 }),
  priority: fc.integer({ min: 1, max: 4 }),
  plain: fc.boolean(),
  promised: fc.integer({ min: 0, max: 2 }),
});

const EXHAUSTED: ClusterEvent = {
  type: 'PodDisruptionBudgetChanged',
  budget: budget('none-left', { kind: 'exhausted' }, 0),
};

/** A cluster as given, and plans searched in it as its engine would. */
class Subject {
  readonly state = new EngineState([DEFAULT_PROFILE], {});
  readonly observer = new Observer(this.state);
  readonly now = EPOCH + 3_600_000;
  readonly #given: Situation;

  constructor(given: Situation) {
    this.#given = given;
    const { observer, now } = this;
    observer.observe(EXHAUSTED, now);
    observer.observe({ type: 'PodDisruptionBudgetChanged', budget: budget('two-left', { kind: 'allowed' }, 2) }, now);
    const never = policy('never', { selector: { matchLabels: { kind: 'never' } }, onPreemption: 'Never' });
    const either = policy('either', {
      selector: { matchLabels: { kind: 'either' } },
      onPreemption: 'CheckpointElseTerminate',
    });
    observer.observe({ type: 'InterruptionPolicyChanged', policy: never }, now);
    observer.observe({ type: 'InterruptionPolicyChanged', policy: either }, now);
    given.nodes.forEach(({ cpu, memory }, index) => {
      const built = node(`n${String(index).padStart(2, '0')}`);
      const allocatable = { cpu: String(cpu), memory: `${memory}Gi` };
      observer.observe({ type: 'NodeChanged', node: built.allocatable(allocatable).build() }, now);
    });
    given.nodes.forEach((one, index) => {
      this.#fill(one, index);
    });
  }

  #fill({ cpu, memory, residents, port }: Situation['nodes'][number], index: number): void {
    const free = { cpu, memory };
    residents.forEach((one, place) => {
      if (one.cpu > free.cpu || one.memory > free.memory) return;
      free.cpu -= one.cpu;
      free.memory -= one.memory;
      const name = `r${index}-${place}`;
      const labels = { ...(one.labels === 'none' ? {} : { kind: one.labels }) };
      const group = one.group === 'alone' ? {} : { [POD_GROUP_LABEL]: one.group };
      const built: PodBuilder = pod(name)
        .priority(one.priority)
        .requests({ cpu: String(one.cpu), memory: `${one.memory}Gi` })
        .labels({ ...labels, ...group })
        .on(`n${String(index).padStart(2, '0')}`, one.startedMinutes * 60_000);
      if (one.leaving && place === 0) built.terminating(3_600_000 + 5_000);
      if (port && place === 1) {
        built.spec({ containers: [{ name: 'main', image: 'x', ports: [{ containerPort: 80, hostPort: 80 }] }] });
        built.requests({ cpu: String(one.cpu), memory: `${one.memory}Gi` });
      }
      this.observer.observe({ type: 'PodChanged', pod: built.build() }, this.now);
      const memoryBytes = one.usedMiB * 2 ** 20;
      this.observer.observe({ type: 'UsageObserved', uid: `uid-${name}`, memoryBytes }, this.now);
    });
    const { promised } = this.#given;
    if (promised > 0 && index < 3) this.#promise(index, promised);
  }

  /** Room promised to somebody of middling priority. */
  #promise(index: number, promised: number): void {
    const built = pod(`promised-${index}`)
      .priority(promised + 1)
      .requests({ cpu: '1' })
      .nominated(`n${String(index).padStart(2, '0')}`);
    this.observer.observe({ type: 'PodChanged', pod: built.build() }, this.now);
  }

  /** Something happens to one of the pods placed, or to what is known of it. */
  change(pick: number): void {
    const placed = [...this.state.cluster.placedPods];
    const one = placed[pick % Math.max(1, placed.length)];
    if (one === undefined) return;
    const { uid, workload } = one;
    const told: ClusterEvent[] = [
      { type: 'PodDeleted', pod: one.pod },
      { type: 'UsageObserved', uid, memoryBytes: 2 ** 20 * (1 + (pick % 5_000)) },
      { type: 'PodChanged', pod: { ...one.pod, spec: { ...one.pod.spec, priority: pick % 4 } } },
      { type: 'CheckpointChanged', checkpoint: checkpoint(one.pod, `c${pick}`).created(3_600_000).build() },
      { type: 'CheckpointChanged', checkpoint: checkpoint(one.pod, `d${pick}`).failed(3_599_000, 'no').build() },
      {
        type: 'CheckpointChanged',
        checkpoint: checkpoint(one.pod, `e${pick}`)
          .copy()
          .ready(3_500_000, { dumpMilliseconds: 100 * (1 + (pick % 90)), sizeBytes: 2 ** 28 })
          .build(),
      },
    ];
    const measured = { dumpMilliseconds: 2_000, restoreMilliseconds: 100 * (1 + (pick % 90)), sizeBytes: 2 ** 28 };
    const copy = checkpoint(one.pod, `f${pick}`).copy().ready(3_400_000, measured).build();
    const { restoreMilliseconds: _, ...unrestored } = copy.status ?? {};
    this.observer.observe({ type: 'CheckpointChanged', checkpoint: { ...copy, status: unrestored } }, this.now);
    told.push({ type: 'CheckpointChanged', checkpoint: copy });
    const event = told[pick % (told.length + 2)];
    if (event !== undefined) this.observer.observe(event, this.now);
    else if (pick % 2 === 0) this.state.orders.give('somebody', uid, { action: 'Terminate', expiresAt: Infinity });
    else for (let index = 0; index < 9; index++) this.state.record.interrupted(workload, `i${index}`, this.now - 1_000);
  }

  /** The best plans, in short. */
  plans(): string[] {
    return this.#find(this.state.cluster.nodes).map(brief);
  }

  /** The same by trying every node by itself, where no bound can leave it out. */
  plansNodeByNode(): string[] {
    const all = this.state.cluster.nodes.flatMap((one) => this.#find([one]));
    return all.sort(planOrderOf(this.#mode)).slice(0, EXPLAINED_ENTRIES).map(brief);
  }

  get #mode() {
    return this.#given.plain ? 'PreemptLowerPriority' : 'CheckpointLowerPriority';
  }

  #find(nodes: readonly NodeInfo[]): readonly InterruptionPlan[] {
    const { cluster } = this.state;
    const { cpu, memory, priority } = this.#given;
    const built = pod('p').priority(priority);
    const info = podInfo(
      built.requests({ cpu: String(cpu), memory: `${memory}Gi` }).build(),
      cluster.space,
      cluster.templates,
    );
    const { framework } = this.state.profileOf(info);
    const interruption = framework.plugins.find((plugin) => plugin instanceof Interruption);
    assert.ok(interruption !== undefined);
    const cycle = new Cycle(info, this.now);
    framework.preFilter(cycle);
    const filters = framework.filtersOf(cycle);
    const rejections = nodes.map((one) => framework.filter(cycle, one, filters));
    const impasse = { nodes, rejections, filters, waitDeadline: undefined };
    return interruption.search.find({ cycle, impasse, mode: this.#mode, hindrances: new Hindrances() }).plans;
  }
}

/** Node, rank, victims. */
function brief({ node: { name }, pdbViolations, highestVictimPriority, cost, victims }: InterruptionPlan): string {
  const who = victims.map((victim) => `${victim.action} ${victim.pod.name}`).join(', ');
  return `${name}: ${pdbViolations}, ${highestVictimPriority}, ${cost}: ${who}`;
}

test('nodes left out by their bounds change nothing: the same plans as from trying every node', () => {
  fc.assert(
    fc.property(situation, (given) => {
      const subject = new Subject(given);
      assert.deepEqual(subject.plans(), subject.plansNodeByNode());
    }),
    { numRuns: 500 },
  );
});

test('what was worked out for an earlier plan changes nothing: the same plans as from a fresh start', () => {
  fc.assert(
    fc.property(situation, fc.array(fc.nat(), { maxLength: 6 }), (given, changes) => {
      const subject = new Subject(given);
      subject.plans();
      for (const pick of changes) {
        subject.change(pick);
        const kept = subject.plans();
        subject.state.changes.everythingChanged();
        subject.observer.observe(EXHAUSTED, subject.now);
        assert.deepEqual(kept, subject.plans());
      }
    }),
    { numRuns: 300 },
  );
});
