import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cycle } from '../framework/cycle.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { type PodBuilder, pod } from '../testing.ts';
import { InterPodAffinity, type InterPodAffinityArgs } from './inter-pod-affinity.ts';
import { affinity, like, near, prefers, zoned } from './testing-affinity.ts';
import { TopologyIndex } from './topology/topology-index.ts';

function scores(args: InterPodAffinityArgs, wanted: PodBuilder, ...placed: PodBuilder[]): number[] | 'skip' {
  const cluster = new Cluster();
  const index = new TopologyIndex();
  cluster.follow(index);
  for (const builder of [zoned('east', 'e'), zoned('west', 'w')]) cluster.setNode(builder.build());
  for (const builder of placed) {
    const info = podInfo(builder.build(), cluster.space);
    cluster.place(info, info.nodeName ?? '');
  }
  const plugin = new InterPodAffinity(index, args);
  const cycle = new Cycle(podInfo(wanted.build(), cluster.space), 0);
  if (plugin.preScore(cycle) === 'skip') return 'skip';
  const found = Float64Array.from(cluster.nodes, (info) => plugin.score(cycle, info));
  plugin.normalize(cycle, found);
  return [...found];
}

test('affinity scores: from the lowest to the highest, with 0 in between', () => {
  const wanted = pod('p').spec(
    affinity({
      podAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 3, podAffinityTerm: like({ app: 'good' }) }],
      },
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: like({ app: 'bad' }) }],
      },
    }),
  );
  const good = pod('good').labels({ app: 'good' }).on('east');
  const bad = pod('bad').labels({ app: 'bad' }).on('west');
  assert.deepEqual(scores({}, wanted, good, bad), [100, 0]);
  assert.deepEqual(scores({}, wanted, good), [100, 0]);
  assert.deepEqual(scores({}, wanted, bad), [100, 0]);
  assert.deepEqual(scores({}, wanted), 'skip');
});

test('affinity scores: a term counts once for every pod it matches', () => {
  const wanted = pod('p').spec(prefers('podAffinity', 2, like({ app: 'db' })));
  const db = (name: string, on: string) => pod(name).labels({ app: 'db' }).on(on);
  assert.deepEqual(scores({}, wanted, db('a', 'east'), db('b', 'west'), db('c', 'west')), [50, 100]);
});

test('affinity scores: hardPodAffinityWeight 0 leaves required terms of placed pods out', () => {
  const placed = pod('one')
    .spec(near(like({ app: 'db' })))
    .on('west');
  assert.deepEqual(scores({}, pod('p').labels({ app: 'db' }), placed), [0, 100]);
  assert.deepEqual(scores({ hardPodAffinityWeight: 0 }, pod('p').labels({ app: 'db' }), placed), 'skip');
});

test('affinity scores: preferred terms of placed pods may be left out for pods without their own', () => {
  const fan = pod('fan')
    .spec(prefers('podAffinity', 5, like({ app: 'star' })))
    .on('west');
  const args = { ignorePreferredTermsOfExistingPods: true };
  assert.deepEqual(scores(args, pod('p').labels({ app: 'star' }), fan), 'skip');
  const own = prefers('podAffinity', 1, like({ app: 'nobody' }));
  assert.deepEqual(scores(args, pod('p').labels({ app: 'star' }).spec(own), fan), [0, 100]);
});
