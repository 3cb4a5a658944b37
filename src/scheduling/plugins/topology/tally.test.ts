import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainSizes } from './domain-sizes.ts';
import { NodeSet } from './node-set.ts';
import { Tally } from './tally.ts';
import { TopologyColumn } from './topology-column.ts';

function hosts(count: number): TopologyColumn {
  const column = new TopologyColumn('host');
  for (let slot = 0; slot < count; slot++) column.set(slot, `h${slot}`);
  return column;
}

/** The domains that all of the nodes make. */
function all(column: TopologyColumn, count: number): DomainSizes {
  const everybody = new NodeSet('all', () => true);
  const sizes = new DomainSizes(column, everybody);
  for (let slot = 0; slot < count; slot++) {
    everybody.set(slot, true);
    sizes.enter(slot);
  }
  return sizes;
}

test('tally: counts are the same when there are too many nodes to keep them apart', () => {
  const tally = new Tally();
  const column = hosts(1000);
  const view = tally.addView(column, all(column, 1000));
  for (let slot = 0; slot < 1000; slot += 2) tally.add(slot, 1 + (slot % 3));
  assert.deepEqual([tally.on(0), tally.on(1), tally.on(998), tally.on(5000)], [1, 0, 3, 0]);
  assert.deepEqual([view.occupied, view.domains, view.minimum], [500, 1000, 0]);
  for (let slot = 0; slot < 1000; slot += 2) tally.add(slot, -(1 + (slot % 3)));
  assert.deepEqual([tally.isEmpty, view.occupied], [true, 0]);
});

test('tally: the minimum follows the emptiest domain up and down', () => {
  const tally = new Tally();
  const column = hosts(3);
  const sizes = all(column, 3);
  const view = tally.addView(column, sizes);
  tally.add(0, 5);
  tally.add(1, 3);
  assert.equal(view.minimum, 0);
  tally.add(2, 4);
  assert.equal(view.minimum, 3);
  view.leave(1);
  sizes.leave(1);
  assert.equal(view.minimum, 4);
  tally.add(2, -4);
  assert.equal(view.minimum, 0);
  assert.equal(view.minimumWith(new Map([[2, 7]])), 5);
  assert.equal(view.minimum, 0);
});

test('tally: the number of a domain is given again once it is empty', () => {
  const column = hosts(2);
  column.set(0, undefined);
  column.set(2, 'new');
  assert.deepEqual([column.valueOn(0), column.valueOn(1), column.valueOn(2), column.size], [undefined, 'h1', 'new', 2]);
});
