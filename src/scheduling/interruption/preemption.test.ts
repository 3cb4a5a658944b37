import type { PodDisruptionBudget } from '../../model/index.ts';
import { budget, node, type PodBuilder } from '../testing.ts';
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
