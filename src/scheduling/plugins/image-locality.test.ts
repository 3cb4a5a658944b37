import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '../../model/index.ts';
import { Cycle } from '../framework/cycle.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { node, type PodBuilder, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';
import { ImageLocality, NodeImages } from './image-locality.ts';

const MIB = 1024 * 1024;

function holding(name: string, images: Record<string, number>): { build(): Node } {
  const built = node(name).build();
  built.status = {
    ...built.status,
    images: Object.entries(images).map(([image, mib]) => ({ names: [image], sizeBytes: mib * MIB })),
  };
  return { build: () => built };
}

const running = (...images: string[]): PodBuilder =>
  pod('p').spec({ containers: images.map((image, index) => ({ name: `c${index}`, image })) });

function scores(nodes: { build(): Node }[], wanted: PodBuilder): number[] | 'skip' {
  const cluster = new Cluster();
  const images = new NodeImages();
  cluster.follow(images);
  for (const builder of nodes) cluster.setNode(builder.build());
  const plugin = new ImageLocality(images);
  const cycle = new Cycle(podInfo(wanted.build(), cluster.space), 0);
  if (plugin.preScore(cycle) === 'skip') return 'skip';
  return cluster.nodes.map((info) => plugin.score(cycle, info));
}

const CASES: Record<string, { nodes: { build(): Node }[]; pod: PodBuilder; are: number[] | 'skip' }> = {
  'nobody has the image': { nodes: [holding('a', { 'x:1': 500 })], pod: running('y:1'), are: 'skip' },
  // 1000 MiB on one of two nodes counts half: (500 − 23) / (1000 − 23).
  'a large image on one node of two': {
    nodes: [holding('a', { 'x:1': 1000 }), holding('b', {})],
    pod: running('x:1'),
    are: [48, 0],
  },
  'an image that all have is no reason, but counts fully': {
    nodes: [holding('a', { 'x:1': 1000 }), holding('b', { 'x:1': 1000 })],
    pod: running('x:1'),
    are: [100, 100],
  },
  'an image below 23 MiB is no advantage': { nodes: [holding('a', { 'x:1': 22 })], pod: running('x:1'), are: [0] },
  'two containers: their images add up, and twice as much is wanted': {
    nodes: [holding('a', { 'x:1': 1000, 'y:1': 1000 }), holding('b', { 'x:1': 1000, 'y:1': 1000 })],
    pod: running('x:1', 'y:1'),
    are: [100, 100],
  },
  'an image without tag is the latest': { nodes: [holding('a', { 'x:latest': 1000 })], pod: running('x'), are: [100] },
  'a port of the registry is no tag': {
    nodes: [holding('a', { 'host:5000/x:latest': 1000 })],
    pod: running('host:5000/x'),
    are: [100],
  },
  'more than 1000 MiB a container counts no more': {
    nodes: [holding('a', { 'x:1': 5000 })],
    pod: running('x:1'),
    are: [100],
  },
};

for (const [sentence, { nodes, pod: wanted, are }] of Object.entries(CASES)) {
  test(`images: ${sentence}`, () => assert.deepEqual(scores(nodes, wanted), are));
}

test('images: init containers count', () => {
  const spec = { initContainers: [{ name: 'i', image: 'x:1' }], containers: [{ name: 'm', image: 'y:1' }] };
  const wanted = pod('p').spec(spec as Partial<Pod['spec']>);
  // 1000 of 2 × 1000 MiB: (1000 − 23) / (2000 − 23).
  assert.deepEqual(scores([holding('a', { 'x:1': 1000 })], wanted), [49]);
});

test('images: a node that pulled the image, or lost it, or is gone, changes what counts', () => {
  const cluster = new Cluster();
  const images = new NodeImages();
  cluster.follow(images);
  cluster.setNode(holding('a', { 'x:1': 1000 }).build());
  cluster.setNode(holding('b', {}).build());
  assert.equal(images.spreadOf('x:1'), 0.5);
  cluster.setNode(holding('b', { 'x:1': 1000 }).build());
  assert.equal(images.spreadOf('x:1'), 1);
  cluster.setNode(holding('a', {}).build());
  assert.equal(images.spreadOf('x:1'), 0.5);
  cluster.removeNode('b');
  assert.equal(images.spreadOf('x:1'), 0);
  assert.equal(images.nodes, 1);
});

test('images: the node that has the image wins among equals', () => {
  const story = new Story().nodes(holding('a', {}), holding('b', { 'x:1': 900 }));
  assert.deepEqual(story.pods(running('x:1')).brief(), ['Bind p → b']);
});

test('images: what is kept from pod to pod follows the nodes', () => {
  const wanted = (name: string) => pod(name).spec({ containers: [{ name: 'c', image: 'x:1' }] });
  const story = new Story().nodes(holding('a', {}), holding('b', { 'x:1': 900 }), holding('c', {}));
  assert.deepEqual(story.pods(wanted('p')).brief(), ['Bind p → b']);
  story.nodes(holding('b', {}), holding('c', { 'x:1': 900 }));
  assert.deepEqual(story.pods(wanted('q')).brief(), ['Bind q → c']);
});
