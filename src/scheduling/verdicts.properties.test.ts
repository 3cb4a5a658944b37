import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node, Pod } from '../model/index.ts';
import type { ClusterEvent, Decision } from './contract.ts';
import { Engine } from './engine.ts';
import { EPOCH, node, type PodBuilder, pod } from './testing.ts';

/** `PROPERTY_RUNS_FACTOR=50 node --test …` looks longer; a failure prints the seed that replays it. */
const FACTOR = Number(process.env.PROPERTY_RUNS_FACTOR ?? 1);

interface Step {
  readonly act: 'node' | 'nodeGone' | 'pod' | 'podGone' | 'decide' | 'seenBound' | 'bindFails';
  readonly pick: number;
  readonly trait: number;
  readonly size: number;
}

const ACTS: Step['act'][] = [
  ...Array<Step['act']>(6).fill('pod'),
  ...Array<Step['act']>(4).fill('decide'),
  ...(['node', 'node', 'podGone', 'podGone', 'seenBound', 'seenBound', 'nodeGone', 'bindFails'] as const),
];
const steps = fc.array(
  fc.record<Step>({
    act: fc.constantFrom(...ACTS),
    pick: fc.nat(30),
    trait: fc.nat(15),
    size: fc.integer({ min: 1, max: 3 }),
  }),
  { minLength: 40, maxLength: 160, size: 'max' },
);

/** What a pod asks for besides room: at least one of what each kind of plugin reads. */
const TRAITS: readonly ((builder: PodBuilder) => PodBuilder)[] = [
  (builder) => builder,
  (builder) => builder.spec({ nodeSelector: { zone: 'a' } }),
  (builder) => builder.spec({ affinity: { nodeAffinity: preferring('b') } }),
  (builder) => builder.tolerates({ key: 'soft', operator: 'Exists' }),
  (builder) => builder.tolerates({ key: 'hard', operator: 'Exists' }),
  (builder) => builder.priority(5),
  (builder) => builder.priority(9).preemption('CheckpointLowerPriority'),
  (builder) => builder.labels({ app: 'x' }).spec({ affinity: { podAntiAffinity: near('kubernetes.io/hostname') } }),
  (builder) => builder.labels({ app: 'x' }).spec({ affinity: { podAffinity: near('zone') } }),
  (builder) => builder.labels({ app: 'x' }).spec({ topologySpreadConstraints: [spread('DoNotSchedule')] }),
  (builder) => builder.labels({ app: 'x' }).spec({ topologySpreadConstraints: [spread('ScheduleAnyway')] }),
  (builder) => builder.labels({ app: 'x' }),
  (builder) => builder.avoid('n1', 'n2'),
];

const near = (topologyKey: string) => ({
  requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { app: 'x' } } }],
});
const preferring = (zone: string) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [
    { weight: 7, preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] } },
    { weight: 3, preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['c'] }] } },
  ],
});
const spread = (whenUnsatisfiable: string) => ({
  maxSkew: 1,
  topologyKey: 'zone',
  whenUnsatisfiable,
  labelSelector: { matchLabels: { app: 'x' } },
});

/** Two engines that are told the same; one keeps verdicts, the other asks about everything each time. */
class Pair {
  readonly keeping: Engine;
  readonly asking = new Engine({ keptVerdicts: 0 });
  readonly pods = new Map<string, Pod>();
  readonly nodes = new Map<string, Node>();
  now = EPOCH;
  #created = 0;

  constructor(keptVerdicts: number) {
    this.keeping = new Engine({ keptVerdicts });
  }

  step({ act, pick, trait, size }: Step): void {
    this.now += 200;
    switch (act) {
      case 'node':
        this.#setNode(`n${pick % 7}`, trait, size, ['a', 'b', 'c'][pick % 3] ?? 'a');
        break;
      case 'nodeGone': {
        const gone = choose([...this.nodes.values()], pick);
        if (gone !== undefined && this.nodes.delete(gone.metadata.name))
          this.#tell({ type: 'NodeDeleted', node: gone });
        break;
      }
      case 'pod': {
        const builder = pod(`p${++this.#created}`).requests({ cpu: String(size) });
        this.#setPod((TRAITS[trait % TRAITS.length] ?? TRAITS[0])?.(builder).build());
        break;
      }
      case 'podGone': {
        const gone = choose([...this.pods.values()], pick);
        if (gone !== undefined && this.pods.delete(gone.metadata.uid)) this.#tell({ type: 'PodDeleted', pod: gone });
        break;
      }
      case 'seenBound':
        this.#setPod(
          choose(
            [...this.pods.values()].filter(({ spec }) => spec.nodeName !== undefined),
            pick,
          ),
        );
        break;
      case 'bindFails': {
        const one = choose([...this.pods.values()], pick);
        if (one !== undefined) this.#tell({ type: 'BindFailed', uid: one.metadata.uid, reason: 'refused' });
        break;
      }
      case 'decide':
        this.decide();
        break;
    }
  }

  decide(): void {
    const one = this.keeping.decide(this.now);
    const other = this.asking.decide(this.now);
    assert.deepEqual(one.map(essence), other.map(essence));
    one.forEach((decision, index) => {
      const scores = other[index]?.explanation.scores ?? [];
      // A single node that fits is not scored by the one that asks.
      if (scores.length > 1) assert.deepEqual(decision.explanation.scores[0], scores[0]);
    });
    assert.deepEqual(this.keeping.snapshot(), this.asking.snapshot());
    for (const decision of one) {
      const bound = this.pods.get(decision.pod.uid);
      if (decision.type === 'Bind' && bound !== undefined) {
        const spec = { ...bound.spec, nodeName: decision.nodeName };
        this.pods.set(decision.pod.uid, { ...bound, spec, status: { phase: 'Running' } });
      }
    }
  }

  #setNode(name: string, trait: number, size: number, zone: string): void {
    const builder = node(name)
      .labels({ zone, 'kubernetes.io/hostname': name })
      .allocatable({ cpu: String(2 + size), pods: '4' });
    if (trait > 6) {
      const soft = ['soft', 'dry', 'old'].slice(0, trait % 4);
      builder.taints(...soft.map((key) => ({ key, effect: 'PreferNoSchedule' as const })));
    }
    if (trait === 5) builder.taints({ key: 'hard', effect: 'NoSchedule' });
    if (trait === 6) builder.cordoned();
    const built = builder.build();
    if (trait % 2 === 0) {
      built.status = { ...built.status, images: [{ names: ['example:latest'], sizeBytes: trait * 60_000_000 }] };
    }
    this.nodes.set(name, built);
    this.#tell({ type: 'NodeChanged', node: built });
  }

  #setPod(one: Pod | undefined): void {
    if (one === undefined) return;
    this.pods.set(one.metadata.uid, one);
    this.#tell({ type: 'PodChanged', pod: one });
  }

  #tell(event: ClusterEvent): void {
    this.keeping.observe(event, this.now);
    this.asking.observe(event, this.now);
  }
}

function choose<T>(items: readonly T[], pick: number): T | undefined {
  return items[pick % Math.max(1, items.length)];
}

/** What is decided; of the explanation, what both ways of deciding must agree on. */
function essence(decision: Decision): unknown {
  const { explanation, ...rest } = decision;
  return { ...rest, plans: explanation.plans, best: decision.type === 'Bind' ? undefined : explanation.filtered };
}

test('verdicts kept from pod to pod lead to the decisions that asking anew about every node leads to', () => {
  fc.assert(
    // Few enough, and what is kept for one shape has to make way for another.
    fc.property(fc.constantFrom(10_000, 20, 1), steps, (kept, story) => {
      const pair = new Pair(kept);
      for (const step of story) pair.step(step);
      pair.decide();
    }),
    { numRuns: 150 * FACTOR },
  );
});
