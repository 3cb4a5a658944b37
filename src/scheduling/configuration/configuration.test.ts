import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FermataError } from '../../model/index.ts';
import { Engine } from '../engine.ts';
import { DEFAULT_PROFILE } from '../framework/profile.ts';
import { EPOCH, node, pod } from '../testing.ts';
import { parseSchedulerConfiguration } from './configuration.ts';

const HEAD = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
const parse = (rest: Record<string, unknown>) => parseSchedulerConfiguration({ ...HEAD, ...rest });
const plugins = (sets: Record<string, unknown>) => {
  const [profile] = parse({ profiles: [{ plugins: sets }] }).profiles;
  return new Map(profile.plugins.map((plugin) => [plugin.name, plugin]));
};

test('configuration: nothing said is the default profile, all nodes, and a backoff from 1 to 10 s', () => {
  const { profiles, backoff } = parse({});
  assert.deepEqual(profiles[0].plugins, DEFAULT_PROFILE.plugins);
  assert.equal(profiles[0].schedulerName, 'fermata');
  assert.equal(profiles[0].percentageOfNodesToScore, undefined);
  assert.deepEqual(backoff, { initialMilliseconds: 1_000, maxMilliseconds: 10_000 });
});

test('configuration: a plugin disabled at multiPoint takes no part, and others keep theirs', () => {
  const chosen = plugins({ multiPoint: { disabled: [{ name: 'TaintToleration' }] } });
  assert.equal(chosen.has('TaintToleration'), false);
  assert.equal(chosen.size, DEFAULT_PROFILE.plugins.length - 1);
});

test('configuration: * disables all but what is enabled again', () => {
  const chosen = plugins({
    multiPoint: {
      disabled: [{ name: '*' }],
      enabled: [{ name: 'PrioritySort' }, { name: 'NodeResourcesFit', weight: 5 }],
    },
  });
  assert.deepEqual([...chosen.keys()], ['PrioritySort', 'NodeResourcesFit']);
  assert.equal(chosen.get('NodeResourcesFit')?.weight, 5);
});

test('configuration: a plugin may keep its filter and lose its score', () => {
  const phases = plugins({ score: { disabled: [{ name: 'NodeResourcesFit' }] } }).get('NodeResourcesFit')?.phases;
  assert.equal(phases?.includes('score'), false);
  assert.equal(phases?.includes('filter'), true);
});

test('configuration: a weight at score outdoes the default', () => {
  assert.equal(plugins({ score: { enabled: [{ name: 'NodeAffinity', weight: 50 }] } }).get('NodeAffinity')?.weight, 50);
});

test('configuration: what tunes another process is named as ignored', () => {
  assert.deepEqual(parse({ parallelism: 16, leaderElection: { leaderElect: true } }).ignored, [
    'parallelism',
    'leaderElection',
  ]);
});

test('configuration: sampling of all profiles gives way to that of one', () => {
  const { profiles } = parse({
    percentageOfNodesToScore: 0,
    profiles: [{ schedulerName: 'a' }, { schedulerName: 'b', percentageOfNodesToScore: 70 }],
  });
  assert.deepEqual(
    profiles.map(({ percentageOfNodesToScore }) => percentageOfNodesToScore),
    [0, 70],
  );
});

const REFUSED: Record<string, { read: unknown; says: RegExp }> = {
  'another version': {
    read: { ...HEAD, apiVersion: 'kubescheduler.config.k8s.io/v1beta3' },
    says: /apiVersion is "kubesch.*v1beta3"/,
  },
  'no kind': { read: { apiVersion: HEAD.apiVersion }, says: /kind is missing/ },
  'an unknown field': { read: { ...HEAD, profile: [] }, says: /profile is not known.*profiles/s },
  'a percentage beyond 100': {
    read: { ...HEAD, percentageOfNodesToScore: 120 },
    says: /percentageOfNodesToScore is 120.*from 0 to 100/s,
  },
  'an unknown plugin, by where it stands': {
    read: { ...HEAD, profiles: [{ plugins: { score: { enabled: [{ name: 'NodeResourceFit' }] } } }] },
    says: /profiles\[0\]\.plugins\.score\.enabled\[0\]\.name is "NodeResourceFit", which does not exist.*NodeResourcesFit/s,
  },
  'an unknown phase': {
    read: { ...HEAD, profiles: [{ plugins: { filters: {} } }] },
    says: /profiles\[0\]\.plugins\.filters is not known.*preFilter/s,
  },
  'a scoring strategy there is not': {
    read: {
      ...HEAD,
      profiles: [{ pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'Most' } } }] }],
    },
    says: /pluginConfig\[0\]\.args\.scoringStrategy\.type is "Most".*LeastAllocated, MostAllocated/s,
  },
  'one name for two profiles': {
    read: { ...HEAD, profiles: [{ schedulerName: 'a' }, { schedulerName: 'a' }] },
    says: /profiles has "a" twice/,
  },
  extenders: { read: { ...HEAD, extenders: [] }, says: /extenders is not supported/ },
  'a list where a mapping belongs': { read: [], says: /is \[\]/ },
};
for (const [what, { read, says }] of Object.entries(REFUSED)) {
  test(`configuration: refuses ${what}`, () => {
    assert.throws(
      () => parseSchedulerConfiguration(read),
      (error) =>
        error instanceof FermataError &&
        error.code === 'SchedulerConfigurationInvalid' &&
        says.test(`${error.message} ${error.nextStep ?? ''}`),
    );
  });
}

test('configuration: each pod is decided by the profile it names', () => {
  const { profiles } = parse({
    profiles: [
      { schedulerName: 'spread' },
      {
        schedulerName: 'pack',
        pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'MostAllocated' } } }],
      },
    ],
  });
  const bound = (schedulerName: string): string => {
    const engine = new Engine({ profiles });
    for (const name of ['a', 'b']) engine.observe({ type: 'NodeChanged', node: node(name).build() }, EPOCH);
    const there = pod('there').requests({ cpu: '1', memory: '2Gi' }).on('b').build();
    engine.observe({ type: 'PodChanged', pod: there }, EPOCH);
    const comes = pod('comes').requests({ cpu: '1', memory: '2Gi' }).spec({ schedulerName }).build();
    engine.observe({ type: 'PodChanged', pod: comes }, EPOCH);
    return (
      engine.decide(EPOCH).map((decision) => (decision.type === 'Bind' ? decision.nodeName : decision.type))[0] ?? ''
    );
  };
  assert.equal(bound('spread'), 'a');
  assert.equal(bound('pack'), 'b');
});

test('configuration: strategies beyond kube-scheduler are switched on by name, with their arguments', () => {
  const { profiles } = parse({
    profiles: [
      {
        plugins: { multiPoint: { enabled: [{ name: 'Backfill' }, { name: 'Consolidation' }, { name: 'FairShare' }] } },
        pluginConfig: [
          { name: 'Backfill', args: { reservations: 10, interruptible: false, dumpSafety: 1.5 } },
          { name: 'Consolidation', args: { expectedWaitSeconds: 300, maximumMoves: 4 } },
          { name: 'FairShare', args: { halfLifeSeconds: 3600, shares: { physics: 3 }, defaultShares: 1 } },
          { name: 'Reclaim', args: { windowSeconds: 300, margin: 0.2 } },
        ],
      },
    ],
  });
  const [{ args, plugins: enabled }] = profiles;
  assert.deepEqual(args?.Backfill, { reservations: 10, interruptible: false, dumpSafety: 1.5 });
  assert.deepEqual(
    enabled.slice(-3).map(({ name }) => name),
    ['Backfill', 'Consolidation', 'FairShare'],
  );
  // A node held for ten minutes, a pod that has to wait for it, and one behind that: backfill speaks.
  const engine = new Engine({ profiles });
  const events = [
    { type: 'NodeChanged', node: node('n1').allocatable({ cpu: '4' }).build() } as const,
    ...[
      pod('first').requests({ cpu: '2' }).walltime('10m').on('n1'),
      pod('large').requests({ cpu: '4' }).created(1),
    ].map((builder) => ({ type: 'PodChanged', pod: builder.build() }) as const),
  ];
  for (const event of events) engine.observe(event, EPOCH);
  const [decision] = engine.decide(EPOCH);
  assert.match(decision?.type === 'Unschedulable' ? decision.message : '', /backfill: node n1 is reserved for it/);
});

test('configuration: fair share enabled beside the default order takes its place', () => {
  const { profiles } = parse({ profiles: [{ plugins: { queueSort: { enabled: [{ name: 'FairShare' }] } } }] });
  const engine = new Engine({ profiles });
  engine.observe({ type: 'NodeChanged', node: node('n1').allocatable({ cpu: '3' }).build() }, EPOCH);
  const pods = [
    pod('a1').namespace('a').created(0),
    pod('a2').namespace('a').created(1),
    pod('b1').namespace('b').created(2),
  ];
  for (const builder of pods) {
    engine.observe({ type: 'PodChanged', pod: builder.requests({ cpu: '1' }).build() }, EPOCH);
  }
  assert.deepEqual(
    engine.decide(EPOCH).map((decision) => decision.pod.name),
    ['a1', 'b1', 'a2'],
  );
});

test('configuration: one queue has one order', () => {
  const { profiles } = parse({
    profiles: [
      { schedulerName: 'fair', plugins: { queueSort: { enabled: [{ name: 'FairShare' }] } } },
      { schedulerName: 'strict' },
    ],
  });
  assert.throws(
    () => new Engine({ profiles }),
    (error) => error instanceof FermataError && error.code === 'ProfileInvalid' && /"strict"/.test(error.message),
  );
});
