import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpoint, type NodeBuilder, node, type PodBuilder, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';

interface Case {
  nodes: NodeBuilder[];
  placed?: PodBuilder[];
  pod: PodBuilder;
  wants: string;
}

const victim = pod('w').uid('old').on('b').build();
const preferred = (weight: number, zone: string) => ({
  weight,
  preference: { matchExpressions: [{ key: 'zone', operator: 'In' as const, values: [zone] }] },
});

const CASES: Record<string, Case> = {
  'the emptier node wins': {
    nodes: [node('a'), node('b')],
    placed: [pod('x').requests({ cpu: '1' }).on('a')],
    pod: pod('p').requests({ cpu: '1' }),
    wants: 'b',
  },
  'pods without requests count with a default, so that they spread': {
    nodes: [node('a'), node('b')],
    placed: [pod('x').on('a')],
    pod: pod('p'),
    wants: 'b',
  },
  'the first by name among equals': { nodes: [node('b'), node('a')], pod: pod('p'), wants: 'a' },
  'a PreferNoSchedule taint is avoided though the node is emptier': {
    nodes: [node('a').taints({ key: 'x', effect: 'PreferNoSchedule' }), node('b')],
    placed: [pod('x').requests({ cpu: '2' }).on('b')],
    pod: pod('p'),
    wants: 'b',
  },
  'preferred affinity outweighs emptiness': {
    nodes: [node('a').labels({ zone: 'x' }), node('b').labels({ zone: 'y' })],
    placed: [pod('x').requests({ cpu: '2' }).on('b')],
    pod: pod('p').spec({
      affinity: {
        nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [preferred(1, 'x'), preferred(9, 'y')] },
      },
    }),
    wants: 'b',
  },
  'the node that holds the checkpoint wins over an emptier one': {
    nodes: [node('a'), node('b')],
    placed: [pod('x').requests({ cpu: '2' }).on('b')],
    pod: pod('w').restoreFrom('w-1', 0),
    wants: 'b',
  },
  'a node where the restore failed is taken last, though it holds the checkpoint': {
    nodes: [node('a'), node('b')],
    placed: [pod('x').requests({ cpu: '3' }).on('a')],
    pod: pod('w').restoreFrom('w-1', 0).avoid('b'),
    wants: 'a',
  },
  'a node where the restore failed is taken when it is the only one': {
    nodes: [node('a').cordoned(), node('b')],
    pod: pod('w').restoreFrom('w-1', 0).avoid('b'),
    wants: 'b',
  },
};

for (const [sentence, { nodes, placed = [], pod: wanted, wants }] of Object.entries(CASES)) {
  test(`scores: ${sentence}`, () => {
    const story = new Story()
      .nodes(...nodes)
      .checkpoints(checkpoint(victim, 'w-1').ready(0).released())
      .pods(...placed, wanted);
    assert.deepEqual(story.brief(), [`Bind ${wanted.build().metadata.name} → ${wants}`]);
  });
}

test('scores: the explanation shows the nodes with their scores by plugin', () => {
  const story = new Story().nodes(node('a'), node('b')).pods(pod('x').requests({ cpu: '2' }).on('a'));
  const [decision] = story.pods(pod('p').requests({ cpu: '1', memory: '4Gi' })).decide();
  assert.deepEqual(
    decision?.explanation.scores.map(({ node: name, byPlugin }) => [name, byPlugin.NodeResourcesFit]),
    // (75 % cpu + 50 % memory) / 2, and (25 % + (8 − 4 − 0.195) / 8 GiB) / 2.
    [
      ['b', 62],
      ['a', 36],
    ],
  );
  for (const { total, byPlugin } of decision?.explanation.scores ?? []) {
    assert.equal(
      Object.values(byPlugin).reduce((sum, score) => sum + score, 0),
      total,
    );
  }
});
