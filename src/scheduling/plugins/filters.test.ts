import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeBuilder, node, type PodBuilder, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';

interface Case {
  node: NodeBuilder;
  pod: PodBuilder;
  /** The reason, or undefined when it fits. */
  rejects?: string;
}

const AFFINITY = "1 node(s) didn't match Pod's node affinity/selector";
const noSchedule = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' };

function required(...nodeSelectorTerms: object[]) {
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  } as Parameters<PodBuilder['spec']>[0];
}

const CASES: Record<string, Case> = {
  'a pod without requests fits a full node': {
    node: node('n').allocatable({ cpu: '0', memory: '0' }),
    pod: pod('p'),
  },
  'a request equal to what is free fits': {
    node: node('n').allocatable({ cpu: '2', memory: '1Gi' }),
    pod: pod('p').requests({ cpu: '2', memory: '1Gi' }),
  },
  'one millicore more does not': {
    node: node('n').allocatable({ cpu: '2' }),
    pod: pod('p').requests({ cpu: '2001m' }),
    rejects: '1 Insufficient cpu',
  },
  'every lacking resource is named': {
    node: node('n').allocatable({ cpu: '1', memory: '1Gi' }),
    pod: pod('p').requests({ cpu: '2', memory: '2Gi', 'nvidia.com/gpu': '1' }),
    rejects: '1 Insufficient cpu, 1 Insufficient memory, 1 Insufficient nvidia.com/gpu',
  },
  'an extended resource the node has fits': {
    node: node('n').allocatable({ 'nvidia.com/gpu': '1' }),
    pod: pod('p').requests({ 'nvidia.com/gpu': '1' }),
  },
  'ephemeral storage counts': {
    node: node('n').allocatable({ 'ephemeral-storage': '1Gi' }),
    pod: pod('p').requests({ 'ephemeral-storage': '2Gi' }),
    rejects: '1 Insufficient ephemeral-storage',
  },
  'a node without room for one more pod': {
    node: node('n').allocatable({ pods: '0' }),
    pod: pod('p'),
    rejects: '1 Too many pods',
  },
  'a taint that is not tolerated': {
    node: node('n').taints(noSchedule),
    pod: pod('p'),
    rejects: '1 node(s) had untolerated taint {dedicated: gpu}',
  },
  'a taint tolerated by value': {
    node: node('n').taints(noSchedule),
    pod: pod('p').tolerates({ key: 'dedicated', value: 'gpu', effect: 'NoSchedule' }),
  },
  'a taint tolerated by key alone': {
    node: node('n').taints(noSchedule),
    pod: pod('p').tolerates({ key: 'dedicated', operator: 'Exists' }),
  },
  'everything tolerated': {
    node: node('n').taints(noSchedule, { key: 'x', effect: 'NoExecute' }),
    pod: pod('p').tolerates({ operator: 'Exists' }),
  },
  'a toleration of another effect': {
    node: node('n').taints(noSchedule),
    pod: pod('p').tolerates({ key: 'dedicated', operator: 'Exists', effect: 'NoExecute' }),
    rejects: '1 node(s) had untolerated taint {dedicated: gpu}',
  },
  'a toleration without key and operator tolerates nothing': {
    node: node('n').taints(noSchedule),
    pod: pod('p').tolerates({ value: 'gpu' }),
    rejects: '1 node(s) had untolerated taint {dedicated: gpu}',
  },
  'a PreferNoSchedule taint keeps nobody out': {
    node: node('n').taints({ key: 'x', effect: 'PreferNoSchedule' }),
    pod: pod('p'),
  },
  'a cordoned node': { node: node('n').cordoned(), pod: pod('p'), rejects: '1 node(s) were unschedulable' },
  'a cordoned node, tolerated': {
    node: node('n').cordoned(),
    pod: pod('p').tolerates({ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }),
  },
  'a node that is not ready': { node: node('n').notReady(), pod: pod('p'), rejects: '1 node(s) were not ready' },
  'a node selector that matches': {
    node: node('n').labels({ zone: 'a', disk: 'ssd' }),
    pod: pod('p').spec({ nodeSelector: { zone: 'a' } }),
  },
  'a node selector with one label wrong': {
    node: node('n').labels({ zone: 'a' }),
    pod: pod('p').spec({ nodeSelector: { zone: 'a', disk: 'ssd' } }),
    rejects: AFFINITY,
  },
  'any one of the required terms is enough': {
    node: node('n').labels({ zone: 'b' }),
    pod: pod('p').spec(
      required(
        { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] },
        { matchExpressions: [{ key: 'zone', operator: 'In', values: ['b'] }] },
      ),
    ),
  },
  'all requirements of a term must hold': {
    node: node('n').labels({ zone: 'a' }),
    pod: pod('p').spec(
      required({
        matchExpressions: [
          { key: 'zone', operator: 'In', values: ['a'] },
          { key: 'disk', operator: 'Exists' },
        ],
      }),
    ),
    rejects: AFFINITY,
  },
  'a term without requirements matches no node': {
    node: node('n'),
    pod: pod('p').spec(required({})),
    rejects: AFFINITY,
  },
  'NotIn and DoesNotExist hold for an absent label': {
    node: node('n'),
    pod: pod('p').spec(
      required({
        matchExpressions: [
          { key: 'zone', operator: 'NotIn', values: ['a'] },
          { key: 'old', operator: 'DoesNotExist' },
        ],
      }),
    ),
  },
  'Gt compares whole numbers': {
    node: node('n').labels({ cores: '16' }),
    pod: pod('p').spec(required({ matchExpressions: [{ key: 'cores', operator: 'Gt', values: ['8'] }] })),
  },
  'Lt with a label that is no number': {
    node: node('n').labels({ cores: 'many' }),
    pod: pod('p').spec(required({ matchExpressions: [{ key: 'cores', operator: 'Lt', values: ['8'] }] })),
    rejects: AFFINITY,
  },
  'a label name of Object is no label': {
    node: node('n'),
    pod: pod('p').spec(required({ matchExpressions: [{ key: 'constructor', operator: 'Exists' }] })),
    rejects: AFFINITY,
  },
  'a node by its name in matchFields': {
    node: node('n'),
    pod: pod('p').spec(required({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] })),
  },
  'another node by its name in matchFields': {
    node: node('n'),
    pod: pod('p').spec(required({ matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['n'] }] })),
    rejects: AFFINITY,
  },
};

for (const [sentence, { node: given, pod: wanted, rejects }] of Object.entries(CASES)) {
  test(`filters: ${sentence}`, () => {
    const [outcome] = new Story().nodes(given).pods(wanted).brief();
    if (rejects === undefined) assert.equal(outcome, 'Bind p → n');
    else
      assert.match(
        outcome ?? '',
        new RegExp(`^Unschedulable p: 0/1 nodes are available: ${escaped(rejects)}\\. preemption: `),
      );
  });
}

function escaped(text: string): string {
  return text.replace(/[()[\]{}.*+?^$|\\/]/g, '\\$&');
}

test('filters: reasons are counted over all nodes and sorted as kube-scheduler does', () => {
  const story = new Story().nodes(
    node('a').taints(noSchedule),
    node('b').allocatable({ cpu: '1' }),
    node('c').allocatable({ cpu: '2' }),
  );
  story.pods(pod('filler').requests({ cpu: '2' }).on('c'), pod('p').requests({ cpu: '2' }));
  assert.deepEqual(story.brief(), [
    'Unschedulable p: 0/3 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}, 2 Insufficient cpu. ' +
      'preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.',
  ]);
});

test('filters: a cluster without nodes says so', () => {
  assert.match(new Story().pods(pod('p')).brief().join(), /^Unschedulable p: no nodes available to schedule pods/);
});
