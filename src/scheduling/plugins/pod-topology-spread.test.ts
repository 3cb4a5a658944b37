import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../model/index.ts';
import { Engine } from '../engine.ts';
import { DEFAULT_PROFILE } from '../framework/profile.ts';
import { at, EPOCH, type NodeBuilder, node, type PodBuilder, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';
import { HOST, zoned } from './testing-affinity.ts';

type Constraint = NonNullable<Pod['spec']['topologySpreadConstraints']>[number];
type Extra = Partial<Constraint> & { matchLabelKeys?: string[] };

const spread = (...extras: Extra[]): Partial<Pod['spec']> => ({
  topologySpreadConstraints: extras.map((extra) => ({
    maxSkew: 1,
    topologyKey: 'zone',
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: { app: 'web' } },
    ...extra,
  })),
});
const web = (name: string) => pod(name).labels({ app: 'web' });
const SKEWED = /node\(s\) didn't match pod topology spread constraints[,.]/;
const NO_LABEL = /node\(s\) didn't match pod topology spread constraints \(missing required label\)/;

interface Case {
  nodes?: NodeBuilder[];
  placed?: PodBuilder[];
  pod: PodBuilder;
  wants: string | RegExp;
}

const CASES: Record<string, Case> = {
  'into the zone that has fewer': {
    placed: [web('a').on('east')],
    pod: web('p').spec(spread({})),
    wants: 'Bind p → west',
  },
  'a skew within maxSkew is allowed': {
    nodes: [zoned('east', 'e'), zoned('west', 'w').allocatable({ pods: '0' })],
    placed: [web('a').on('east')],
    pod: web('p').spec(spread({ maxSkew: 2 })),
    wants: 'Bind p → east',
  },
  'one more than maxSkew is not, though the other zone is full': {
    nodes: [zoned('east', 'e'), zoned('west', 'w').allocatable({ pods: '0' })],
    placed: [web('a').on('east'), web('b').on('east')],
    pod: web('p').spec(spread({ maxSkew: 2 })),
    wants: SKEWED,
  },
  'a pod that the selector does not match adds nothing to its zone': {
    nodes: [zoned('east', 'e'), zoned('west', 'w').allocatable({ pods: '0' })],
    placed: [web('a').on('east')],
    pod: pod('p').spec(spread({})),
    wants: 'Bind p → east',
  },
  'a node without the label cannot be helped': {
    nodes: [node('bare')],
    pod: web('p').spec(spread({})),
    wants: NO_LABEL,
  },
  'pods on their way out do not count': {
    nodes: [zoned('east', 'e'), zoned('west', 'w').allocatable({ pods: '0' })],
    placed: [web('a').on('east').terminating(60_000)],
    pod: web('p').spec(spread({})),
    wants: 'Bind p → east',
  },
  'pods of other namespaces do not count': {
    nodes: [zoned('east', 'e'), zoned('west', 'w').allocatable({ pods: '0' })],
    placed: [web('a').namespace('other').on('east')],
    pod: web('p').spec(spread({})),
    wants: 'Bind p → east',
  },
  'an empty selector counts nobody, and the pod itself': {
    nodes: [zoned('east', 'e'), zoned('west', 'w').allocatable({ pods: '0' })],
    placed: [web('a').on('east'), web('b').on('east')],
    pod: web('p').spec(spread({ labelSelector: {} })),
    wants: 'Bind p → east',
  },
  'no selector matches nobody': {
    nodes: [zoned('east', 'e'), zoned('west', 'w').allocatable({ pods: '0' })],
    placed: [web('a').on('east'), web('b').on('east')],
    pod: web('p').spec({
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    }),
    wants: 'Bind p → east',
  },
  'two constraints must both hold': {
    nodes: [zoned('east', 'e'), zoned('east2', 'e'), zoned('west', 'w')],
    placed: [web('a').on('east'), web('b').on('west')],
    pod: web('p').spec(spread({}, { topologyKey: HOST })),
    wants: 'Bind p → east2',
  },
  'only nodes that have all labels are domains': {
    nodes: [zoned('east', 'e'), node('west').labels({ zone: 'w' })],
    placed: [web('a').on('east')],
    pod: web('p').spec(spread({}, { topologyKey: HOST, maxSkew: 5 })),
    wants: 'Bind p → east',
  },
  'minDomains: as long as there are fewer, one more counts as empty': {
    nodes: [zoned('east', 'e'), zoned('west', 'w')],
    placed: [web('a').on('east'), web('b').on('west')],
    pod: web('p').spec(spread({ minDomains: 3 })),
    wants: SKEWED,
  },
  'minDomains reached': {
    nodes: [zoned('east', 'e'), zoned('west', 'w')],
    placed: [web('a').on('east'), web('b').on('west')],
    pod: web('p').spec(spread({ minDomains: 2 })),
    wants: 'Bind p → east',
  },
  'zones closed to the pod by its node selector are no domains': {
    nodes: [zoned('east', 'e'), zoned('west', 'w')],
    placed: [web('a').on('east')],
    pod: web('p').spec({ ...spread({}), nodeSelector: { zone: 'e' } }),
    wants: 'Bind p → east',
  },
  'unless node affinity is to be ignored': {
    nodes: [zoned('east', 'e'), zoned('west', 'w')],
    placed: [web('a').on('east')],
    pod: web('p').spec({ ...spread({ nodeAffinityPolicy: 'Ignore' }), nodeSelector: { zone: 'e' } }),
    wants: SKEWED,
  },
  'a tainted zone is a domain': {
    nodes: [zoned('east', 'e'), zoned('west', 'w').taints({ key: 'x', effect: 'NoSchedule' })],
    placed: [web('a').on('east')],
    pod: web('p').spec(spread({})),
    wants: SKEWED,
  },
  'unless taints are to be honored': {
    nodes: [zoned('east', 'e'), zoned('west', 'w').taints({ key: 'x', effect: 'NoSchedule' })],
    placed: [web('a').on('east')],
    pod: web('p').spec(spread({ nodeTaintsPolicy: 'Honor' })),
    wants: 'Bind p → east',
  },
  'matchLabelKeys: revisions are spread apart from each other': {
    nodes: [zoned('east', 'e'), zoned('west', 'w').allocatable({ pods: '0' })],
    placed: [pod('a').labels({ app: 'web', revision: '1' }).on('east')],
    pod: pod('p')
      .labels({ app: 'web', revision: '2' })
      .spec(spread({ matchLabelKeys: ['revision'] })),
    wants: 'Bind p → east',
  },
  'ScheduleAnyway prefers the zone that has fewer, though it is fuller': {
    placed: [web('a').on('east'), pod('big').requests({ cpu: '1' }).on('west')],
    pod: web('p').spec(spread({ whenUnsatisfiable: 'ScheduleAnyway' })),
    wants: 'Bind p → west',
  },
  'ScheduleAnyway keeps nobody out': {
    nodes: [zoned('east', 'e'), zoned('west', 'w').allocatable({ pods: '0' })],
    placed: [web('a').on('east'), web('b').on('east')],
    pod: web('p').spec(spread({ whenUnsatisfiable: 'ScheduleAnyway' })),
    wants: 'Bind p → east',
  },
  'ScheduleAnyway takes nodes without the label last': {
    nodes: [node('bare'), zoned('east', 'e')],
    placed: [web('a').on('east'), pod('big').requests({ cpu: '1' }).on('east')],
    pod: web('p').spec(spread({ whenUnsatisfiable: 'ScheduleAnyway' })),
    wants: 'Bind p → east',
  },
};

const two = () => [zoned('east', 'e'), zoned('west', 'w')];

for (const [sentence, { nodes = two(), placed = [], pod: wanted, wants }] of Object.entries(CASES)) {
  test(`spread: ${sentence}`, () => {
    const [outcome = ''] = new Story()
      .nodes(...nodes)
      .pods(...placed, wanted)
      .brief();
    if (typeof wants === 'string') assert.equal(outcome, wants);
    else assert.match(outcome, wants);
  });
}

test('spread: what is skewed comes back when the fuller zone loses one', () => {
  const story = new Story().nodes(zoned('east', 'e'), zoned('west', 'w').cordoned());
  story.pods(web('a').on('east'), pod('other').on('east'), web('p').spec(spread({})));
  assert.match(story.brief().join(), SKEWED);
  assert.deepEqual(story.after(20_000).gone(pod('other').on('east')).brief(), []);
  assert.deepEqual(story.gone(web('a').on('east')).brief(), ['Bind p → east']);
});

test('spread: what is skewed comes back when the emptier zone gets one, or goes', () => {
  const nodes = () => [zoned('east', 'e'), zoned('west', 'w').cordoned()];
  const pods = () => [web('a').on('east'), web('p').spec(spread({}))];
  const gains = new Story().nodes(...nodes()).pods(...pods());
  assert.match(gains.brief().join(), SKEWED);
  assert.deepEqual(gains.after(20_000).pods(web('b').on('west')).brief(), ['Bind p → east']);
  const loses = new Story().nodes(...nodes()).pods(...pods());
  assert.match(loses.brief().join(), SKEWED);
  loses.after(20_000).tell({ type: 'NodeDeleted', node: zoned('west', 'w').build() });
  assert.deepEqual(loses.brief(), ['Bind p → east']);
});

test('spread: preemption takes what makes the zone too full', () => {
  const story = new Story().nodes(zoned('east', 'e'), zoned('west', 'w').cordoned());
  story.pods(web('a').on('east'), pod('other').on('east'));
  const [outcome] = story.pods(web('p').spec(spread({})).priority(9).preemption('CheckpointLowerPriority')).brief();
  assert.equal(outcome, 'Interrupt Checkpoint a for p → east');
});

const selecting = (kind: string, name: string, selector: unknown) => ({
  type: 'ObjectChanged' as const,
  object: {
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: at(0) },
    spec: { selector },
  },
});
/** Nodes by the labels that the system's default constraints go by. */
const host = (name: string, zone?: string) =>
  node(name).labels({ [HOST]: name, ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }) });

test('spread: pods of a Service are spread by default', () => {
  const story = new Story().nodes(host('a', 'e'), host('b', 'w')).tell(selecting('Service', 's', { app: 'web' }));
  story.pods(web('x').on('a'), pod('big').requests({ cpu: '1' }).on('b'), web('p'));
  assert.deepEqual(story.brief(), ['Bind p → b']);
});

test('spread: without a Service or owner they are not', () => {
  const story = new Story().nodes(host('a', 'e'), host('b', 'w')).tell(selecting('Service', 's', { app: 'db' }));
  story.pods(web('x').on('a'), pod('big').requests({ cpu: '1' }).on('b'), web('p'));
  assert.deepEqual(story.brief(), ['Bind p → a']);
});

test('spread: pods of a StatefulSet are spread by default, and nodes without zone are hosts all the same', () => {
  const story = new Story().nodes(host('a'), host('b'));
  story.tell(selecting('StatefulSet', 'set', { matchLabels: { app: 'web' } }));
  const owned = web('p').build();
  owned.metadata.ownerReferences = [
    { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'set', uid: 'set', controller: true },
  ];
  story.pods(web('x').on('a'), pod('big').requests({ cpu: '1' }).on('b'));
  story.tell({ type: 'PodChanged', pod: owned });
  assert.deepEqual(story.brief(), ['Bind p → b']);
});

test('spread: a pod that is only decided on fills its zone', () => {
  const story = new Story().nodes(zoned('east', 'e'), zoned('west', 'w').allocatable({ cpu: '1' }));
  story.pods(web('a').on('east'), web('p').requests({ cpu: '2' }).spec(spread({})));
  assert.match(story.brief().join(), SKEWED);
  const other = web('q').spec({ nodeSelector: { zone: 'w' } });
  assert.deepEqual(story.after(20_000).pods(other).brief(), ['Bind q → west', 'Bind p → east']);
});

test('spread: constraints of the profile may keep pods of a Service out', () => {
  const PodTopologySpread = {
    defaultingType: 'List',
    defaultConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
  };
  const engine = new Engine({ profile: { ...DEFAULT_PROFILE, args: { PodTopologySpread } } });
  const nodes = [zoned('east', 'e'), zoned('west', 'w').cordoned()];
  for (const builder of nodes) engine.observe({ type: 'NodeChanged', node: builder.build() }, EPOCH);
  engine.observe(selecting('Service', 's', { app: 'web' }), EPOCH);
  const decided = (builder: PodBuilder): string | undefined => {
    engine.observe({ type: 'PodChanged', pod: builder.build() }, EPOCH);
    const [decision] = engine.decide(EPOCH);
    return decision?.type === 'Unschedulable' ? decision.message : decision?.type;
  };
  engine.observe({ type: 'PodChanged', pod: web('a').on('east').build() }, EPOCH);
  assert.match(decided(web('p')) ?? '', SKEWED);
  assert.equal(decided(pod('other')), 'Bind');
  // Its own constraints take the place of the default ones, all of them.
  assert.equal(decided(web('q').spec(spread({ maxSkew: 9 }))), 'Bind');
});
