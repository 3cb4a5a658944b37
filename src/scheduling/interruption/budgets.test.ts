import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodDisruptionBudget } from '../../model/index.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { budget, pod } from '../testing.ts';
import { Budgets } from './budgets.ts';

const cluster = new Cluster();
const infoOf = (name: string, labels: Record<string, string> = { app: 'db' }) =>
  podInfo(pod(name).labels(labels).build(), cluster.space, cluster.templates);
const violated = (budgets: Budgets, ...names: string[]) => [...budgets.violatedBy(names.map((name) => infoOf(name)))];
const disrupted = (one: PodDisruptionBudget, name: string): PodDisruptionBudget =>
  one.status === undefined
    ? one
    : { ...one, status: { ...one.status, disruptedPods: { [name]: '2026-01-01T00:00:00Z' } } };

test('each pod counts in the order they go, and those beyond the allowance violate', () => {
  const budgets = new Budgets();
  budgets.put(budget('b', { app: 'db' }, 1));
  assert.deepEqual(violated(budgets, 'x', 'y', 'z'), ['uid-y', 'uid-z']);
});

test('each pod counts against every budget that selects it', () => {
  const budgets = new Budgets();
  budgets.put(budget('b', { app: 'db' }, 2));
  budgets.put(budget('c', { app: 'db' }, 1));
  assert.deepEqual(violated(budgets, 'x', 'y'), ['uid-y']);
});

test('a pod that is counted as disrupted is not counted again', () => {
  const budgets = new Budgets();
  budgets.put(disrupted(budget('b', { app: 'db' }, 1), 'x'));
  assert.deepEqual(violated(budgets, 'x', 'y'), []);
  budgets.put(disrupted(budget('b', { app: 'db' }, 0), 'x'));
  assert.equal(budgets.isExhaustedFor(infoOf('x')), false);
  assert.equal(budgets.isExhaustedFor(infoOf('y')), true);
});

test('exhausted is what allows nothing any more', () => {
  const budgets = new Budgets();
  budgets.put(budget('b', { app: 'db' }, 1));
  assert.equal(budgets.isExhaustedFor(infoOf('x')), false);
  budgets.put(budget('b', { app: 'db' }, 0));
  assert.equal(budgets.isExhaustedFor(infoOf('x')), true);
  assert.equal(budgets.isExhaustedFor(infoOf('x', { app: 'web' })), false);
});

test('what a budget allows and whom it selects may change, for pods asked about before too', () => {
  const budgets = new Budgets();
  const one = infoOf('x');
  budgets.put(budget('b', { app: 'db' }, 0));
  assert.equal(budgets.isExhaustedFor(one), true);
  const { generation } = budgets;
  budgets.put(budget('b', { app: 'db' }, 3));
  assert.equal(budgets.isExhaustedFor(one), false);
  assert.ok(budgets.generation > generation);
  budgets.put(budget('b', { app: 'web' }, 0));
  assert.equal(budgets.isExhaustedFor(one), false);
  budgets.put(budget('b', { app: 'db' }, 0));
  assert.equal(budgets.isExhaustedFor(one), true);
});

test('a budget that is deleted counts no more, and the others go on to', () => {
  const budgets = new Budgets();
  assert.equal(budgets.isEmpty, true);
  budgets.put(budget('b', { app: 'db' }, 0));
  budgets.put(budget('c', { app: 'db' }, 0));
  budgets.delete(budget('b', { app: 'db' }, 0));
  assert.deepEqual(violated(budgets, 'x'), ['uid-x']);
  assert.equal(budgets.isEmpty, false);
  budgets.delete(budget('c', { app: 'db' }, 0));
  assert.deepEqual(violated(budgets, 'x'), []);
  assert.equal(budgets.isEmpty, true);
  budgets.delete(budget('c', { app: 'db' }, 0));
});

test('a budget without selector, or with an empty one, selects nobody, and a pod without labels is selected by none', () => {
  const budgets = new Budgets();
  budgets.put(budget('empty', {}, 0));
  const { spec: _, ...without } = budget('without', {}, 0);
  budgets.put(without);
  assert.equal(budgets.isExhaustedFor(infoOf('x')), false);
  const bare = podInfo(pod('bare').build(), cluster.space, cluster.templates);
  budgets.put(budget('all', { app: 'db' }, 0));
  assert.equal(budgets.isExhaustedFor(bare), false);
});
