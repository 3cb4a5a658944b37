import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeInfo } from '../snapshot/node-info.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { ResourceSpace } from '../snapshot/resource-space.ts';
import { node, pod } from '../testing.ts';
import { Cycle, StateKey } from './cycle.ts';
import { Framework } from './framework.ts';
import type { FilterPlugin, PreFilterPlugin, Rejection, ReservePlugin, ScorePlugin } from './phases.ts';

const space = new ResourceSpace();
const info = (name: string, priority = 0) => podInfo(pod(name).priority(priority).build(), space);
function nodeInfo(name: string): NodeInfo {
  const created = new NodeInfo(name);
  created.update(node(name).build(), space);
  return created;
}

/** Room for two pods a node, counted in the cycle as a stateful plugin would. */
class AtMostTwo implements PreFilterPlugin, FilterPlugin {
  readonly name = 'AtMostTwo';
  readonly #counts = new StateKey<Map<string, number>>('AtMostTwo');
  readonly #full: Rejection = { plugin: this.name, reasons: ['full'], resolvable: true };

  preFilter(cycle: Cycle): 'skip' | undefined {
    if (cycle.pod.name === 'exempt') return 'skip';
    cycle.write(this.#counts, new Map());
    return undefined;
  }

  addPod(cycle: Cycle, _pod: unknown, { name }: NodeInfo): void {
    this.#change(cycle, name, 1);
  }

  removePod(cycle: Cycle, _pod: unknown, { name }: NodeInfo): void {
    this.#change(cycle, name, -1);
  }

  filter(cycle: Cycle, { name, pods }: NodeInfo): Rejection | undefined {
    return pods.size + (cycle.read(this.#counts)?.get(name) ?? 0) < 2 ? undefined : this.#full;
  }

  #change(cycle: Cycle, name: string, by: number): void {
    const counts = cycle.read(this.#counts);
    counts?.set(name, (counts.get(name) ?? 0) + by);
  }
}

function filtered(framework: Framework, name: string, target: NodeInfo, priority = 0) {
  const cycle = new Cycle(info(name, priority), 0);
  framework.preFilter(cycle);
  return framework.filter(cycle, target, framework.filtersOf(cycle))?.reasons[0];
}

test('framework: pods nominated to a node count for stateful plugins, unless they matter less than the pod', () => {
  const framework = new Framework([{ plugin: new AtMostTwo() }]);
  const target = nodeInfo('n');
  target.addPod(info('there'));
  target.nominated = [info('promised', 5)];
  assert.equal(filtered(framework, 'equal', target, 5), 'full');
  assert.equal(filtered(framework, 'lower', target, 4), 'full');
  assert.equal(filtered(framework, 'higher', target, 6), undefined);
  assert.equal(target.pods.size, 1);
});

test('framework: a plugin that skips in PreFilter is not asked again', () => {
  const framework = new Framework([{ plugin: new AtMostTwo() }]);
  const target = nodeInfo('n');
  for (const name of ['a', 'b', 'c']) target.addPod(info(name));
  assert.equal(filtered(framework, 'exempt', target), undefined);
});

test('framework: when a plugin refuses to reserve, those before it are undone, last first', () => {
  const told: string[] = [];
  const reserver = (name: string, refuses = false): ReservePlugin => ({
    name,
    reserve: () => {
      told.push(`reserve ${name}`);
      return refuses ? { plugin: name, reasons: ['no'], resolvable: false } : undefined;
    },
    unreserve: () => void told.push(`unreserve ${name}`),
  });
  const framework = new Framework([
    { plugin: reserver('a') },
    { plugin: reserver('b', true) },
    { plugin: reserver('c') },
  ]);
  assert.equal(framework.reserve(new Cycle(info('p'), 0), nodeInfo('n'))?.plugin, 'b');
  assert.deepEqual(told, ['reserve a', 'reserve b', 'unreserve c', 'unreserve b', 'unreserve a']);
});

test('framework: scores are weighed and added up', () => {
  const fixed = (name: string, byNode: Record<string, number>): ScorePlugin => ({
    name,
    score: (_cycle, { name: nodeName }) => byNode[nodeName] ?? 0,
  });
  const framework = new Framework([
    { plugin: fixed('x', { a: 10, b: 20 }), weight: 3 },
    { plugin: fixed('y', { a: 50, b: 0 }) },
  ]);
  const { totals, byPlugin } = framework.score(new Cycle(info('p'), 0), [nodeInfo('a'), nodeInfo('b')]);
  assert.deepEqual([...totals], [80, 60]);
  assert.deepEqual(
    byPlugin.map(({ name, scores }) => [name, ...scores]),
    [
      ['x', 30, 60],
      ['y', 50, 0],
    ],
  );
});
