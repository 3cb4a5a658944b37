import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from '../engine.ts';
import { DEFAULT_PROFILE } from '../framework/profile.ts';
import { EPOCH, type NodeBuilder, node, type PodBuilder, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';
import type { NodeAffinityArgs } from './node-affinity.ts';

type Affinity = NonNullable<NodeAffinityArgs['addedAffinity']>;
type Required = NonNullable<Affinity['requiredDuringSchedulingIgnoredDuringExecution']>;
type Terms = Required['nodeSelectorTerms'];

const inZone = (...values: string[]) => ({ matchExpressions: [{ key: 'zone', operator: 'In', values }] });
const named = (...values: string[]) => ({ matchFields: [{ key: 'metadata.name', operator: 'In', values }] });
const requiring = (...nodeSelectorTerms: Terms) =>
  pod('p').spec({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  });
const three = (): NodeBuilder[] => ['a', 'b', 'c'].map((name) => node(name).labels({ zone: name }));

test('node affinity: a DaemonSet pod goes to the node it names', () => {
  assert.deepEqual(
    new Story()
      .nodes(...three())
      .pods(requiring(named('b')))
      .brief(),
    ['Bind p → b'],
  );
});

test('node affinity: the other nodes are not even asked, and the message says who ruled them out', () => {
  const story = new Story().nodes(...three()).pods(pod('full').requests({ cpu: '4' }).on('b'));
  const [outcome = ''] = story.pods(requiring(named('b')).requests({ cpu: '1' })).brief();
  assert.match(outcome, /1 Insufficient cpu, 2 node\(s\) didn't satisfy plugin\(s\) \[NodeAffinity\]/);
});

test('node affinity: terms that name different nodes are alternatives', () => {
  const story = new Story().nodes(...three()).pods(pod('full').requests({ cpu: '4' }).on('b'));
  assert.deepEqual(story.pods(requiring(named('b'), named('c')).requests({ cpu: '1' })).brief(), ['Bind p → c']);
});

test('node affinity: one term that names no node leaves all in question', () => {
  const story = new Story().nodes(...three());
  assert.deepEqual(story.pods(requiring(named('c'), inZone('b'))).brief(), ['Bind p → b']);
});

test('node affinity: names that contradict each other fit no node', () => {
  const [one] = named('a').matchFields;
  const [other] = named('b').matchFields;
  const both = { matchFields: [one, other] } as Terms[number];
  const [outcome = ''] = new Story()
    .nodes(...three())
    .pods(requiring(both))
    .brief();
  assert.match(outcome, /pod affinity terms conflict/);
});

function withAdded(addedAffinity: Affinity, wanted: PodBuilder): string {
  const engine = new Engine({ profile: { ...DEFAULT_PROFILE, args: { NodeAffinity: { addedAffinity } } } });
  for (const builder of three()) engine.observe({ type: 'NodeChanged', node: builder.build() }, EPOCH);
  engine.observe({ type: 'PodChanged', pod: wanted.build() }, EPOCH);
  const [decision] = engine.decide(EPOCH);
  return decision?.type === 'Bind' ? decision.nodeName : decision?.type === 'Unschedulable' ? decision.message : '';
}

const only = (zone: string): Affinity => ({
  requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [inZone(zone)] },
});

test('node affinity: what the profile adds holds for every pod', () => {
  assert.equal(withAdded(only('b'), pod('p')), 'b');
});

test('node affinity: beside what the pod asks for itself', () => {
  const message = withAdded(only('b'), requiring(inZone('c')));
  assert.match(message, /1 node\(s\) didn't match Pod's node affinity\/selector/);
  assert.match(message, /2 node\(s\) didn't match scheduler-enforced node affinity/);
});

test('node affinity: what the profile prefers adds to what the pod prefers', () => {
  const preferring = (weight: number, zone: string): Affinity => ({
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight, preference: inZone(zone) }],
  });
  assert.equal(withAdded(preferring(1, 'c'), pod('p')), 'c');
  const own = pod('p').spec({ affinity: { nodeAffinity: preferring(9, 'b') } });
  assert.equal(withAdded(preferring(1, 'c'), own), 'b');
});

test('node affinity: a pod that no node matched comes back when labels do', () => {
  const story = new Story().nodes(...three()).pods(requiring(inZone('z')));
  assert.match(story.brief().join(), /3 node\(s\) didn't match Pod's node affinity/);
  assert.deepEqual(
    story
      .after(20_000)
      .nodes(node('a').labels({ zone: 'y' }))
      .brief(),
    [],
  );
  assert.deepEqual(story.nodes(node('a').labels({ zone: 'z' })).brief(), ['Bind p → a']);
});
