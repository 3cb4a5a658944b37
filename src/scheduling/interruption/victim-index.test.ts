import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../model/index.ts';
import { DEFAULT_CHECKPOINT_TIMEOUT_SECONDS, MAX_CONCURRENT_DUMPS_PER_NODE } from '../constants.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { checkpoint, EPOCH, node, type PodBuilder, pod, policy } from '../testing.ts';
import { CheckpointLedger } from './checkpoint-ledger.ts';
import { CostModel } from './cost.ts';
import { Departures } from './departures.ts';
import { DumpHistory } from './dump-history.ts';
import { FactChanges } from './fact-changes.ts';
import { InterruptionRecord } from './interruption-record.ts';
import { Orders } from './orders.ts';
import { Policies } from './policies.ts';
import { type NodeVictims, VictimIndex } from './victim-index.ts';
import { VictimRules } from './victim-rules.ts';

const HOUR = 3_600_000;

/** Two nodes, and what their pods offer an hour in. */
class Scene {
  readonly changes = new FactChanges();
  readonly cluster = new Cluster();
  readonly checkpoints = new CheckpointLedger(this.changes);
  readonly record = new InterruptionRecord(this.changes);
  readonly orders = new Orders(this.changes);
  readonly policies = new Policies(this.changes);
  readonly history = new DumpHistory(this.changes);
  readonly costs = new CostModel({
    history: this.history,
    lastCheckpointOf: (workload) => this.checkpoints.newestReady(workload),
    changes: this.changes,
  });
  readonly index = new VictimIndex({
    departures: new Departures(this.checkpoints, this.orders),
    rules: new VictimRules({
      policies: this.policies,
      record: this.record,
      memoryOf: (one) => this.costs.memoryOf(one),
    }),
    costs: this.costs,
    nodeOf: (uid) => this.cluster.node(this.cluster.placed(uid)?.nodeName ?? ''),
    nodeNamed: (name) => this.cluster.node(name),
  });
  now = EPOCH + HOUR;

  constructor(...pods: PodBuilder[]) {
    this.cluster.follow(this.index);
    this.changes.follow(this.index);
    for (const name of ['n1', 'n2']) this.cluster.setNode(node(name).build());
    for (const one of pods) this.place(one);
  }

  place(builder: PodBuilder): void {
    const info = podInfo(builder.build(), this.cluster.space, this.cluster.templates);
    this.cluster.place(info, info.nodeName ?? '');
  }

  on(name = 'n1'): NodeVictims {
    const info = this.cluster.node(name);
    assert.ok(info !== undefined);
    return this.index.of(info, 'CheckpointLowerPriority', this.now);
  }

  victims(name = 'n1'): string[] {
    return this.on(name).victims.map(({ pod: { name: victim } }) => victim);
  }
}

const resident = (name: string, priority = 1) =>
  pod(name).workload(name).priority(priority).requests({ cpu: '1' }).on('n1');

test('victims are lowest priority first, and those of one priority by UID', () => {
  const scene = new Scene(resident('c', 2), resident('b', 1), resident('d', 1), resident('a', 3));
  assert.deepEqual(scene.victims(), ['b', 'd', 'c', 'a']);
});

test('what was worked out is kept until something it rests on changes', () => {
  const scene = new Scene(resident('a'), resident('b').on('n2'));
  const [first, second] = [scene.on('n1'), scene.on('n2')];
  scene.now += HOUR;
  assert.equal(scene.on('n1'), first);
  scene.costs.observeUsage('uid-b', 2 ** 30);
  assert.equal(scene.on('n1'), first, 'the other node is left alone');
  assert.notEqual(scene.on('n2'), second);
});

function runtime(containerRuntimeVersion: string): Node {
  const built = node('n1').build();
  // Only what is asked about: a real node tells much more.
  const nodeInfo = { containerRuntimeVersion } as NonNullable<NonNullable<Node['status']>['nodeInfo']>;
  return { ...built, status: { ...built.status, nodeInfo } };
}

test('pods on a container runtime that cannot checkpoint are left alone, and the reason is named', () => {
  const scene = new Scene(resident('a'), resident('b').on('n2'));
  scene.cluster.setNode(runtime('containerd://1.7.27'));
  assert.deepEqual(scene.victims('n1'), []);
  const [hindered] = scene.on('n1').hindered;
  assert.equal(
    hindered?.permission.excluded,
    'cannot be checkpointed: containerd://1.7.27 on node n1 is too old to checkpoint',
  );
  assert.deepEqual(scene.victims('n2'), ['b']);
  scene.cluster.setNode(runtime('containerd://2.1.0'));
  assert.deepEqual(scene.victims('n1'), ['a']);
});

const CHANGES: Record<string, (scene: Scene) => void> = {
  'a pod came': (scene) => scene.place(resident('z')),
  'its memory was measured': ({ costs }) => costs.observeUsage('uid-a', 2 ** 30),
  'it was ordered away': ({ orders }) => orders.give('p', 'uid-a', { action: 'Checkpoint', expiresAt: Infinity }),
  'a dump of it failed': ({ record, now }) => record.failed('uid-a', 'x', 'no space', now),
  'its workload was interrupted': ({ record, now }) => record.interrupted('default/a', 'x', now),
  'its workload has a newer checkpoint': ({ checkpoints }) =>
    checkpoints.put(checkpoint(resident('a').uid('other').build(), 'c').copy().ready(HOUR).build()),
  'its workload was measured elsewhere': ({ history }) =>
    history.observe(
      checkpoint(resident('a').uid('other').on('n2').build(), 'c')
        .copy()
        .ready(0, { dumpMilliseconds: 1_273, sizeBytes: 2 ** 30 })
        .build(),
    ),
  'its node was measured': ({ history }) =>
    history.observe(
      checkpoint(resident('other').build(), 'c')
        .copy()
        .ready(0, { dumpMilliseconds: 1_273, sizeBytes: 2 ** 30 })
        .build(),
    ),
  'a policy came': ({ policies }) => policies.put(policy('x', { onPreemption: 'Never' })),
  'its node has another container runtime': ({ cluster }) => cluster.setNode(runtime('containerd://1.7.27')),
  'its node changed': ({ cluster }) => cluster.setNode(node('n1').allocatable({ cpu: '64' }).build()),
};
for (const [sentence, change] of Object.entries(CHANGES)) {
  test(`a node is looked at again when ${sentence}`, () => {
    const scene = new Scene(resident('a'));
    const before = scene.on();
    change(scene);
    assert.notEqual(scene.on(), before);
  });
}

test('a workload whose pod moved is followed to where it is, also while it is on two nodes', () => {
  const scene = new Scene(resident('a'), resident('a').uid('second').on('n2'));
  scene.on('n1');
  scene.on('n2');
  scene.cluster.displace('uid-a');
  const [first, second] = [scene.on('n1'), scene.on('n2')];
  scene.record.interrupted('default/a', 'x', scene.now);
  assert.equal(scene.on('n1'), first);
  assert.notEqual(scene.on('n2'), second);
});

test('a pod on its way out is no victim; a moment after its deadline, and no sooner, it is looked at again', () => {
  const scene = new Scene(resident('a').terminating(HOUR + 5_000), resident('b'));
  assert.deepEqual(scene.victims(), ['b']);
  assert.deepEqual(
    scene.on().leaving.map(({ pod: { name }, deadline }) => [name, deadline]),
    [['a', EPOCH + HOUR + 15_000]],
  );
  const before = scene.on();
  scene.now = EPOCH + HOUR + 15_000;
  assert.equal(scene.on(), before);
  scene.now += 1;
  assert.notEqual(scene.on(), before);
  const overdue = scene.on();
  scene.now += HOUR;
  assert.equal(scene.on(), overdue, 'what is overdue stays so');
});

test('at its very deadline a pod is on its way out yet, and a moment later it is looked at again', () => {
  const scene = new Scene(resident('a').terminating(HOUR - 10_000));
  const last = scene.on();
  scene.now += 1;
  assert.notEqual(scene.on(), last);
});

test('a protection that ends makes its pod a victim', () => {
  const scene = new Scene(resident('a').on('n1', HOUR));
  scene.record.interrupted('default/a', 'x', scene.now);
  assert.deepEqual(scene.victims(), []);
  assert.deepEqual(
    scene.on().hindered.map(({ pod: { name } }) => name),
    ['a'],
  );
  scene.now += 10_000;
  assert.deepEqual(scene.victims(), ['a']);
  assert.deepEqual(scene.on().hindered, []);
});

test('a node that writes as many dumps as it may offers no further one', () => {
  const leaving = Array.from({ length: MAX_CONCURRENT_DUMPS_PER_NODE }, (_, index) =>
    resident(`l${index}`).requests({}),
  );
  const scene = new Scene(resident('a'), ...leaving);
  const give = (index: number) =>
    scene.orders.give('p', `uid-l${index}`, { action: 'Checkpoint', expiresAt: Infinity });
  for (let index = 1; index < leaving.length; index++) give(index);
  assert.deepEqual(scene.victims(), ['a', 'l0']);
  assert.equal(scene.on().dumping, MAX_CONCURRENT_DUMPS_PER_NODE - 1);
  give(0);
  assert.deepEqual(scene.victims(), []);
  assert.match(scene.on().hindered[0]?.permission.excluded ?? '', /^node n1 writes 8 dumps already$/);
});

test('terminations under way take no bandwidth', () => {
  const scene = new Scene(resident('a'), resident('b'));
  scene.orders.give('p', 'uid-b', { action: 'Terminate', expiresAt: Infinity });
  assert.equal(scene.on().dumping, 0);
  assert.equal(scene.on().leaving.length, 1);
});

test('a dump that would take longer than it is given is none to plan with; just as long is', () => {
  const scene = new Scene(resident('a'));
  const gib = 2 ** 30;
  const bytes = 10 * gib + ((DEFAULT_CHECKPOINT_TIMEOUT_SECONDS - 1 - 2.737) / 1.194) * gib;
  scene.costs.observeUsage('uid-a', bytes - gib / 1_000);
  assert.deepEqual(scene.victims(), ['a']);
  scene.costs.observeUsage('uid-a', bytes + gib);
  assert.deepEqual(scene.victims(), []);
  assert.match(
    scene.on().hindered[0]?.permission.excluded ?? '',
    /^a dump would take some 301 s and is given up after 300 s$/,
  );
  scene.policies.put(policy('x', { timeoutSeconds: 400 }));
  assert.deepEqual(scene.victims(), ['a']);
});

test('dumps under way stretch the next one, in cost and in time', () => {
  const scene = new Scene(resident('a'), resident('b'));
  scene.costs.observeUsage('uid-a', 2 ** 30);
  const alone = scene.on().victims[0]?.checkpointCost ?? 0;
  const further = scene.on().victims[0]?.perFurtherDump ?? 0;
  scene.orders.give('p', 'uid-b', { action: 'Checkpoint', expiresAt: Infinity });
  const beside = scene.on().victims[0]?.checkpointCost ?? 0;
  assert.ok(further > 0 && Math.abs(beside - alone - further) < 1e-9, `${alone} + ${further} is not ${beside}`);
});

test('what may not be done costs without bound; only what may be terminated depends on the hour', () => {
  const scene = new Scene(resident('a'));
  const [dumped] = scene.on().victims;
  assert.equal(scene.on().isTimeless, true);
  assert.deepEqual([dumped?.terminationShare, dumped?.savedAt], [Infinity, 0]);
  scene.policies.put(policy('x', { onPreemption: 'Terminate' }));
  const [terminated] = scene.on().victims;
  assert.equal(scene.on().isTimeless, false);
  assert.deepEqual([terminated?.checkpointCost, terminated?.perFurtherDump], [Infinity, 0]);
  assert.deepEqual([terminated?.terminationShare, terminated?.savedAt], [0.25, EPOCH]);
});

test('pods with a known end are counted as long as they run', () => {
  const scene = new Scene(resident('a'));
  assert.equal(scene.index.hasTimedPods, false);
  scene.place(resident('t').walltime('2h'));
  assert.equal(scene.index.hasTimedPods, true);
  scene.cluster.displace('uid-t');
  assert.equal(scene.index.hasTimedPods, false);
});
