import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NODES } from '../model/index.ts';
import { Engine } from './engine.ts';
import type { PermitAnswer, PermitPlugin, PreBindPlugin, PreBindStep, ReservePlugin } from './framework/phases.ts';
import { DEFAULT_PROFILE, type Profile } from './framework/profile.ts';
import type { WaitingPods } from './framework/waiting-pods.ts';
import { EPOCH, node, type PodBuilder, pod } from './testing.ts';
import { brief } from './testing-story.ts';

/** Answers as it is told, and notes what is reserved. */
class Porter implements PermitPlugin, PreBindPlugin, ReservePlugin {
  readonly name = 'Porter';
  readonly hints = { InterruptionRulesChanged: () => true };
  readonly waiting: WaitingPods;
  answer: PermitAnswer = 'allow';
  steps: readonly PreBindStep[] = [];
  readonly reserved: string[] = [];
  readonly bound: string[] = [];

  constructor(waiting: WaitingPods) {
    this.waiting = waiting;
  }

  reserve({ pod: { name } }: { pod: { name: string } }): undefined {
    this.reserved.push(name);
  }

  unreserve({ name }: { name: string }): void {
    this.reserved.splice(this.reserved.indexOf(name), 1);
  }

  permit({ pod: { name } }: { pod: { name: string } }): PermitAnswer {
    return name.startsWith('free') ? 'allow' : this.answer;
  }

  preBind(): readonly PreBindStep[] {
    return this.steps;
  }

  postBind({ name }: { name: string }): void {
    this.bound.push(name);
  }
}

function scene() {
  let porter: Porter | undefined;
  const profile: Profile = { plugins: [...DEFAULT_PROFILE.plugins, { name: 'Porter' }] };
  const engine = new Engine({
    profile,
    plugins: {
      Porter: ({ waiting }) => {
        porter = new Porter(waiting);
        return porter;
      },
    },
  });
  assert.ok(porter !== undefined);
  engine.observe({ type: 'NodeChanged', node: node('n').allocatable({ cpu: '2' }).build() }, EPOCH);
  const add = (builder: PodBuilder, now = EPOCH) => engine.observe({ type: 'PodChanged', pod: builder.build() }, now);
  return { engine, porter, add, decide: (now = EPOCH) => engine.decide(now).map(brief) };
}

const WAIT: PermitAnswer = { wait: { timeoutMilliseconds: 5_000 } };
const two = (name: string) => pod(name).requests({ cpu: '2' });

test('permit: a pod that waits keeps its room and is bound when it is allowed', () => {
  const { engine, porter, add, decide } = scene();
  porter.answer = WAIT;
  add(two('a'));
  assert.deepEqual(decide(), []);
  add(two('free'));
  assert.match(decide().join(), /Unschedulable free/);
  porter.waiting.allow('uid-a', 'Porter');
  assert.equal(engine.nextWakeup(), EPOCH, 'at once');
  assert.deepEqual(decide(), ['Bind a → n']);
});

test('permit: a pod that waits too long gives its room and its reservation back', () => {
  const { engine, porter, add, decide } = scene();
  porter.answer = WAIT;
  const before = engine.snapshot();
  add(two('a'));
  decide();
  assert.equal(engine.nextWakeup(), EPOCH + 5_000);
  assert.deepEqual(decide(EPOCH + 5_000), ['Unschedulable a: was not allowed in time by Porter']);
  assert.deepEqual(engine.snapshot(), before);
  assert.deepEqual(porter.reserved, []);
  assert.equal(engine.queueLengths().unschedulable, 1);
});

test('permit: a rejection takes everything back, and the plugin’s events bring the pod back', () => {
  const { engine, porter, add, decide } = scene();
  porter.answer = { plugin: 'Porter', reasons: ['not today'], resolvable: false };
  add(two('a'));
  assert.deepEqual(decide(), ['Unschedulable a: pod rejected by permit plugin Porter: not today']);
  assert.deepEqual(porter.reserved, []);
  porter.answer = 'allow';
  const policy = { metadata: { name: 'p', namespace: 'default' }, spec: {} };
  engine.observe({ type: 'InterruptionPolicyChanged', policy: policy as never }, EPOCH + 2_000);
  assert.deepEqual(decide(EPOCH + 2_000), ['Bind a → n']);
});

test('permit: a pod of higher priority takes the place of one that waits, and nobody is deleted for it', () => {
  const { porter, add, decide } = scene();
  porter.answer = WAIT;
  add(two('a'));
  decide();
  add(two('free').priority(10).preemption('PreemptLowerPriority'));
  assert.deepEqual(decide(), [
    'Unschedulable a: gives its place to default/free, which has a higher priority',
    'Bind free → n',
  ]);
});

test('permit: a waiting pod that is deleted is forgotten', () => {
  const { engine, porter, add, decide } = scene();
  porter.answer = WAIT;
  add(two('a'));
  decide();
  engine.observe({ type: 'PodDeleted', pod: two('a').build() }, EPOCH);
  porter.waiting.allow('uid-a', 'Porter');
  assert.deepEqual(decide(), []);
  add(two('free'));
  assert.deepEqual(decide(), ['Bind free → n']);
});

test('pre-bind: what is to be written goes with the decision, and its failure waits for the plugin’s events', () => {
  const { engine, porter, add } = scene();
  porter.steps = [{ plugin: 'Porter', type: NODES, name: 'n', patch: { metadata: { labels: { taken: 'yes' } } } }];
  add(two('a'));
  const [decision] = engine.decide(EPOCH);
  assert.deepEqual(decision?.type === 'Bind' && decision.preBind, porter.steps);
  engine.observe({ type: 'BindFailed', uid: 'uid-a', reason: 'conflict', plugins: ['Porter'] }, EPOCH);
  assert.deepEqual(porter.reserved, []);
  assert.equal(engine.queueLengths().unschedulable, 1);
});

test('post-bind: told once the pod is seen bound where it was assumed', () => {
  const { porter, add, decide } = scene();
  add(two('a'));
  decide();
  assert.deepEqual(porter.bound, []);
  add(two('a').on('n'));
  add(two('a').on('n'));
  assert.deepEqual(porter.bound, ['a']);
});
