import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FermataError } from '../../model/index.ts';
import { Engine } from '../engine.ts';
import { EPOCH, node, pod } from '../testing.ts';

test('profile: a plugin that does not exist is refused by name', () => {
  assert.throws(
    () => new Engine({ profile: { plugins: [{ name: 'NodeResourceFit' }] } }),
    (error) =>
      error instanceof FermataError && error.code === 'ProfileInvalid' && /NodeResourceFit/.test(error.message),
  );
});

test('profile: only the plugins it names decide', () => {
  const engine = new Engine({ profile: { plugins: [{ name: 'PrioritySort' }, { name: 'NodeUnschedulable' }] } });
  engine.observe({ type: 'NodeChanged', node: node('n').allocatable({ cpu: '1' }).notReady().build() }, EPOCH);
  engine.observe({ type: 'PodChanged', pod: pod('p').requests({ cpu: '64' }).build() }, EPOCH);
  assert.equal(engine.decide(EPOCH)[0]?.type, 'Bind');
});

test('profile: ties are broken by the injected random numbers, else by name', () => {
  const bound = (random?: () => number): string[] => {
    const engine = new Engine(random === undefined ? {} : { random });
    for (const name of ['a', 'b', 'c']) engine.observe({ type: 'NodeChanged', node: node(name).build() }, EPOCH);
    engine.observe({ type: 'PodChanged', pod: pod('p').build() }, EPOCH);
    return engine.decide(EPOCH).map((decision) => (decision.type === 'Bind' ? decision.nodeName : decision.type));
  };
  assert.deepEqual(bound(), ['a']);
  assert.deepEqual(
    bound(() => 0),
    ['a'],
  );
  assert.deepEqual(
    bound(() => 0.4),
    ['b'],
  );
});
