import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodDisruptionBudget } from '../../model/index.ts';
import { DEFAULT_PROFILE } from '../framework/profile.ts';
import { budget, node, type PodBuilder } from '../testing.ts';
import { Story } from '../testing-story.ts';
import { type Case, low, MINUTE, n1, plain, runCases, urgent } from './testing-cases.ts';

const withPort = (builder: PodBuilder): PodBuilder => {
  const [container] = builder.build().spec.containers;
  if (container === undefined) return builder;
  return builder.spec({ containers: [{ ...container, ports: [{ containerPort: 80, hostPort: 80 }] }] });
};
const inNamespace = (one: PodDisruptionBudget, namespace: string): PodDisruptionBudget => ({
  ...one,
  metadata: { ...one.metadata, namespace },
});
const disrupted = (one: PodDisruptionBudget, name: string): PodDisruptionBudget => {
  const { status } = one;
  if (status === undefined) return one;
  return { ...one, status: { ...status, disruptedPods: { [name]: '2026-01-01T00:00:00Z' } } };
};

/** Which node and whom, as kube-scheduler's DefaultPreemption documents it; with cost where a class checkpoints. */
const CASES: Record<string, Case> = {
  'the node whose highest victim has the lowest priority': {
    nodes: [n1(), node('n2').allocatable({ cpu: '2' })],
    placed: [low('a', '2', 5), low('b', '2', 2).on('n2')],
    wants: 'Interrupt Checkpoint b for p → n2',
  },
  'the node with the cheapest victims among equals': {
    nodes: [n1(), node('n2').allocatable({ cpu: '2' })],
    placed: [low('a'), low('b').on('n2')],
    usage: { 'uid-a': 8e9, 'uid-b': 1e6 },
    wants: 'Interrupt Checkpoint b for p → n2',
  },
  'a budget is kept where another node needs no violation': {
    nodes: [n1(), node('n2').allocatable({ cpu: '2' })],
    placed: [low('a', '2', 1).labels({ app: 'db' }), low('b', '2', 5).on('n2')],
    budgets: [budget('db', { app: 'db' }, 0)],
    wants: 'Interrupt Checkpoint b for p → n2',
  },
  'a budget is no veto where there is no other way': {
    placed: [low('a').labels({ app: 'db' })],
    budgets: [budget('db', { app: 'db' }, 0)],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'a budget with a disruption left is not violated by taking it': {
    nodes: [n1(), node('n2').allocatable({ cpu: '2' })],
    placed: [low('a', '2', 1).labels({ app: 'db' }), low('b', '2', 5).on('n2')],
    budgets: [budget('db', { app: 'db' }, 1)],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'nor by a pod that is counted as disrupted already': {
    nodes: [n1(), node('n2').allocatable({ cpu: '2' })],
    placed: [low('a', '2', 1).labels({ app: 'db' }), low('b', '2', 5).on('n2')],
    budgets: [disrupted(budget('db', { app: 'db' }, 0), 'a')],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'a budget of another namespace, or that selects nothing, protects nobody': {
    nodes: [n1(), node('n2').allocatable({ cpu: '2' })],
    placed: [low('a', '2', 1).labels({ app: 'db' }), low('b', '2', 5).on('n2')],
    budgets: [inNamespace(budget('db', { app: 'db' }, 0), 'other'), budget('empty', {}, 0)],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'two beyond their budget are two violations, though one would be within': {
    nodes: [n1(), node('n2').allocatable({ cpu: '2' })],
    placed: [low('a', '1', 1).labels({ app: 'db' }), low('b', '1', 1).labels({ app: 'db' }), low('c', '2', 5).on('n2')],
    budgets: [budget('db', { app: 'db' }, 1)],
    wants: 'Interrupt Checkpoint c for p → n2',
  },
  'a plain class reprieves those beyond their budget first, and takes each victim once': {
    placed: [low('a', '1', 3).labels({ app: 'db' }), low('b', '1', 2).labels({ app: 'db' })],
    pod: plain(),
    budgets: [budget('db', { app: 'db' }, 0)],
    wants: 'Interrupt Terminate a, Terminate b for p → n1',
  },
  'a plain class takes the dearer pod of lower priority sum, as upstream': {
    nodes: [n1(), node('n2').allocatable({ cpu: '2' })],
    placed: [low('a', '1', 5), low('b', '1', 1), low('c', '1', 5).on('n2'), low('d', '1', 4).on('n2')],
    pod: plain(),
    wants: 'Interrupt Terminate a, Terminate b for p → n1',
  },
  'a plain class takes the fewer victims': {
    nodes: [n1(), node('n2').allocatable({ cpu: '2' })],
    placed: [low('a', '1', 0), low('b', '1', 0), low('c', '2', 0).on('n2')],
    pod: plain(),
    wants: 'Interrupt Terminate c for p → n2',
  },
  'a plain class keeps to the reprieve of upstream though fewer victims would do': {
    nodes: [node('n1').allocatable({ cpu: '4' })],
    placed: [low('big', '2').on('n1', 1_000), low('s1', '1').on('n1', 2_000), low('s2', '1').on('n1', 3_000)],
    pod: plain('2'),
    wants: 'Interrupt Terminate s1, Terminate s2 for p → n1',
  },
  'a plain class takes whom began last, of equals': {
    nodes: [n1(), node('n2').allocatable({ cpu: '2' })],
    placed: [low('a').on('n1', 1_000), low('b').on('n2', 2_000)],
    pod: plain(),
    wants: 'Interrupt Terminate b for p → n2',
  },
  'a plain class reprieves the one that runs longest': {
    placed: [low('a', '1').on('n1', 2_000), low('b', '1').on('n1', 1_000)],
    pod: plain('1'),
    wants: 'Interrupt Terminate a for p → n1',
  },
  'candidates that are not enough': {
    placed: [low('a', '1'), low('b', '1', 20)],
    wants: /preemption: 0\/1 nodes are available: 1 Insufficient cpu\.$/,
  },
  'a node without a slot for one more pod': {
    nodes: [node('n1').allocatable({ cpu: '2', pods: '2' })],
    placed: [low('a', '0'), low('b', '0', 20)],
    pod: urgent('1'),
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'a node whose slots are all taken by equals and betters': {
    nodes: [node('n1').allocatable({ cpu: '2', pods: '1' })],
    placed: [low('b', '0', 20).terminating(11 * MINUTE)],
    pod: urgent('1'),
    wants: /1 Too many pods\. preemption: 0\/1 nodes are available: 1 No preemption victims found for incoming pod\.$/,
  },
  'an extended resource is made room for by who has it': {
    nodes: [node('n1').allocatable({ cpu: '4', 'example.com/gpu': '1' })],
    placed: [low('a', '1'), low('b', '1', 2).requests({ cpu: '1', 'example.com/gpu': '1' })],
    pod: urgent('1').requests({ cpu: '1', 'example.com/gpu': '1' }),
    wants: 'Interrupt Checkpoint b for p → n1',
  },
  'a pod that requests nothing frees nothing, and is left alone': {
    placed: [low('a', '0', 1), low('b', '2', 2)],
    wants: 'Interrupt Checkpoint b for p → n1',
  },
  'a port held by somebody better cannot be freed by others': {
    placed: [withPort(low('a', '1')), withPort(low('b', '1', 20))],
    pod: withPort(urgent('1')),
    wants: /preemption: 0\/1 nodes are available: 1 node\(s\) didn't have free ports for the requested pod ports\.$/,
  },
  'one of two pods within their budget, the one beyond it is reprieved first': {
    placed: [low('a', '1', 3).labels({ app: 'db' }), low('b', '1', 2)],
    pod: urgent('1'),
    budgets: [budget('db', { app: 'db' }, 0)],
    wants: 'Interrupt Checkpoint b for p → n1',
  },
};

runCases('preemption', CASES);

test('preemption: room that comes free and is not enough by itself wakes who could interrupt for the rest', () => {
  const story = new Story().nodes(n1()).pods(low('a', '1'), low('equal', '1', 10));
  assert.match(
    story
      .after(10 * MINUTE)
      .pods(urgent())
      .brief()
      .join(),
    /^Unschedulable p/,
  );
  story.after(MINUTE).gone(low('equal', '1', 10));
  assert.deepEqual(story.brief(), ['Interrupt Checkpoint a for p → n1']);
});

test('preemption: room that comes free where nobody of lower priority is left wakes nobody in vain', () => {
  const story = new Story().nodes(n1()).pods(low('a', '1', 10), low('b', '1', 10));
  story
    .after(10 * MINUTE)
    .pods(urgent())
    .brief();
  story.after(MINUTE).gone(low('b', '1', 10));
  assert.deepEqual(story.brief(), []);
});

test('preemption: the five best plans are explained, of however many nodes', () => {
  const names = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'];
  const story = new Story().nodes(...names.map((name) => node(name).allocatable({ cpu: '2' })));
  // The later in the list, the lower the priority.
  story.pods(...names.map((name, index) => low(`on-${name}`, '2', 8 - index).on(name)));
  const [decision] = story
    .after(10 * MINUTE)
    .pods(urgent())
    .decide();
  assert.deepEqual(
    decision?.explanation.plans.map((plan) => plan.node),
    ['n7', 'n6', 'n5', 'n4', 'n3'],
  );
});

/** One that would do alone, two of whom each costs less but both together more, and others that are dearer. */
function crowded(count: number): Case {
  const others = Array.from({ length: count - 3 }, (_, index) => low(`other-${index}`, '1'));
  const usage = (gib: number, ...pods: PodBuilder[]) =>
    pods.map((one): [string, number] => [one.build().metadata.uid, gib * 2 ** 30]);
  const [enough, ...halves] = [low('enough', '2'), low('half-1', '1'), low('half-2', '1')];
  return {
    nodes: [node('n1').allocatable({ cpu: String(count + 1) })],
    placed: [enough, ...halves, ...others],
    usage: Object.fromEntries([...usage(1, enough), ...usage(2, ...halves), ...usage(6, ...others)]),
    wants: '',
  };
}
runCases('refined', {
  'of twelve candidates the set that costs least is found': {
    ...crowded(12),
    wants: 'Interrupt Checkpoint enough for p → n1',
  },
  'of thirteen it is the one that reprieving the dearest first leaves': {
    ...crowded(13),
    wants: 'Interrupt Checkpoint half-1, Checkpoint half-2 for p → n1',
  },
});

test('preemption: who should be gone and is not is not waited for, for a port as little as for room', () => {
  const story = new Story().nodes(n1());
  story.pods(withPort(low('overdue', '1')).terminating(9 * MINUTE), low('b', '1'));
  const [outcome] = story
    .after(10 * MINUTE)
    .pods(withPort(urgent('0')))
    .brief();
  assert.match(outcome ?? '', /^Unschedulable p:/);
});

test('preemption: without NodeResourcesFit in the profile, nothing that is asked for keeps a plan from being found', () => {
  const profile = {
    ...DEFAULT_PROFILE,
    plugins: DEFAULT_PROFILE.plugins.filter(({ name }) => name !== 'NodeResourcesFit'),
  };
  const story = new Story({ profiles: [profile] }).nodes(n1()).pods(withPort(low('a', '1')));
  const [outcome] = story
    .after(10 * MINUTE)
    .pods(withPort(urgent('99')))
    .brief();
  assert.equal(outcome, 'Interrupt Checkpoint a for p → n1');
});

test('preemption: an equal keeps its port, whoever of lower priority there is beside it', () => {
  const story = new Story().nodes(n1()).pods(withPort(low('equal', '1', 10)), low('b', '1'));
  const [outcome] = story
    .after(10 * MINUTE)
    .pods(withPort(urgent('0')))
    .brief();
  assert.match(outcome ?? '', /^Unschedulable p:/);
});

test('a termination says which labels its victim had when that was decided', () => {
  const victim = (): PodBuilder => low('a').labels({ team: 'physics' });
  const story = new Story().nodes(n1()).pods(victim());
  const [decision] = story
    .after(10 * MINUTE)
    .pods(plain())
    .decide();
  story.pods(victim().labels({ team: 'physics', policy: 'never' }));
  assert.ok(decision?.type === 'Interrupt');
  assert.deepEqual(
    decision.victims.map(({ action, labels }) => ({ action, labels })),
    [{ action: 'Terminate', labels: { team: 'physics' } }],
  );
});
