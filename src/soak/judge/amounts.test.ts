import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Pod, podRequests } from '../../model/index.ts';
import { exceeded, takes, thousandths } from './amounts.ts';

test('quantities are read as Kubernetes documents them', () => {
  const cases: Record<string, number> = {
    '1': 1_000,
    '100m': 100,
    '0.1': 100,
    '1.5': 1_500,
    '2Ki': 2_048_000,
    '1Gi': 2 ** 30 * 1_000,
    '3M': 3e9,
    '1e3': 1e6,
    '1u': 1,
  };
  for (const [quantity, wanted] of Object.entries(cases)) assert.equal(thousandths(quantity), wanted, quantity);
  assert.ok(Number.isNaN(thousandths('a lot')));
});

const amount = fc.integer({ min: 0, max: 64_000 });
const container = fc.record({ cpu: amount, memory: amount, always: fc.boolean() });

test('the judge and the product, each by its own arithmetic, come to the same requests', () => {
  const made = (one: { cpu: number; memory: number }, name: string) => ({
    name,
    resources: { requests: { cpu: `${one.cpu}m`, memory: `${one.memory}Ki` } },
  });
  fc.assert(
    fc.property(
      fc.array(container, { minLength: 1, maxLength: 4 }),
      fc.array(container, { maxLength: 4 }),
      (apps, inits) => {
        const pod = {
          spec: {
            containers: apps.map((one, index) => made(one, `c${index}`)),
            initContainers: inits.map((one, index) => ({
              ...made(one, `i${index}`),
              ...(one.always ? { restartPolicy: 'Always' } : {}),
            })),
            overhead: { cpu: '10m' },
          },
        } as unknown as Pod;
        const own = takes(pod);
        const theirs = podRequests(pod);
        assert.equal(own.get('cpu'), theirs.cpu);
        assert.equal((own.get('memory') ?? 0) / 1_000, theirs.memory);
      },
    ),
  );
});

test('what exceeds a node is named with both amounts', () => {
  const lacking = exceeded(new Map([['cpu', 1_000]]), [new Map([['cpu', 600]]), new Map([['cpu', 500]])]);
  assert.equal(lacking, '1.1 of 1 cpu');
  assert.equal(exceeded(new Map([['cpu', 1_000]]), [new Map([['cpu', 1_000]])]), undefined);
});
