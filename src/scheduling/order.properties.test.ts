import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Engine } from './engine.ts';
import { EPOCH, node, pod } from './testing.ts';

interface Comer {
  readonly priority: number;
  readonly created: number;
  readonly suspended: boolean;
  readonly cpu: number;
}

const comers = fc.array(
  fc.record<Comer>({
    priority: fc.integer({ min: 0, max: 2 }),
    created: fc.integer({ min: 0, max: 3 }),
    suspended: fc.boolean(),
    cpu: fc.integer({ min: 1, max: 3 }),
  }),
  { maxLength: 12 },
);

const build = ({ priority, created, suspended, cpu }: Comer, index: number) => {
  const builder = pod(`p${index}`)
    .priority(priority)
    .created(created * 1_000)
    .requests({ cpu: String(cpu) });
  return suspended ? builder.restoreFrom(`p${index}-1`, created * 1_000) : builder;
};

test('queue: whatever the order of arrival, pods have their turn by priority, age, suspended first, then arrival', () => {
  fc.assert(
    fc.property(comers, (all) => {
      const engine = new Engine();
      engine.observe({ type: 'NodeChanged', node: node('n').allocatable({ cpu: '99' }).build() }, EPOCH);
      all.forEach((comer, index) => {
        engine.observe({ type: 'PodChanged', pod: build(comer, index).build() }, EPOCH + 10_000);
      });
      const order = all
        .map((comer, index) => ({ ...comer, index }))
        .sort(
          (one, other) =>
            other.priority - one.priority ||
            one.created - other.created ||
            Number(other.suspended) - Number(one.suspended) ||
            one.index - other.index,
        );
      assert.deepEqual(
        engine.decide(EPOCH + 10_000).map((decision) => decision.pod.name),
        order.map(({ index }) => `p${index}`),
      );
    }),
  );
});

test('what is assumed and could not be bound is undone without residue', () => {
  const sizes = fc.array(fc.integer({ min: 2, max: 5 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(sizes, comers, comers, (cpus, there, coming) => {
      const engine = new Engine();
      cpus.forEach((cpu, index) => {
        const built = node(`n${index}`)
          .allocatable({ cpu: String(cpu) })
          .build();
        engine.observe({ type: 'NodeChanged', node: built }, EPOCH);
      });
      there.forEach((comer, index) => {
        const placed = build(comer, 100 + index).on(`n${index % cpus.length}`);
        engine.observe({ type: 'PodChanged', pod: placed.build() }, EPOCH);
      });
      const before = engine.snapshot();
      const built = coming.map((comer, index) => build(comer, index).build());
      for (const one of built) engine.observe({ type: 'PodChanged', pod: one }, EPOCH);
      for (const decision of engine.decide(EPOCH)) {
        if (decision.type !== 'Bind') continue;
        engine.observe({ type: 'BindFailed', uid: decision.pod.uid, reason: 'refused' }, EPOCH);
      }
      for (const one of built) engine.observe({ type: 'PodDeleted', pod: one }, EPOCH);
      assert.deepEqual(engine.snapshot(), before);
    }),
  );
});
