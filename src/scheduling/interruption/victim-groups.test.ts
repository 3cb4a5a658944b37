import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POD_GROUP_LABEL } from '../../model/index.ts';
import { checkpoint, node, pod, policy } from '../testing.ts';
import { Story } from '../testing-story.ts';

const MINUTE = 60_000;
const GIB = 2 ** 30;
const rank = (name: string, nodeName: string, group = 'mpi', cpu = '2') =>
  pod(name)
    .priority(1)
    .requests({ cpu })
    .labels({ [POD_GROUP_LABEL]: group })
    .on(nodeName);
const urgent = (cpu = '2') => pod('p').priority(10).requests({ cpu }).preemption('CheckpointLowerPriority');
const nodes = (...names: string[]) => names.map((name) => node(name).allocatable({ cpu: '2' }));

/** Two ranks of one job on two nodes, ten minutes in. */
function twoRanks() {
  return new Story()
    .nodes(...nodes('n1', 'n2'))
    .pods(rank('r1', 'n1'), rank('r2', 'n2'))
    .after(10 * MINUTE);
}

function interruption(story: Story) {
  const [decision] = story.decide();
  assert.ok(decision?.type === 'Interrupt', `wanted an interruption, got ${JSON.stringify(decision)}`);
  return decision;
}

test('a group is one victim: all its members on all nodes go, by one order', () => {
  const decision = interruption(twoRanks().pods(urgent()));
  assert.deepEqual(
    decision.victims.map((victim) => [victim.pod.name, victim.action, victim.group]),
    [
      ['r1', 'Checkpoint', 'mpi'],
      ['r2', 'Checkpoint', 'mpi'],
    ],
  );
  assert.deepEqual(decision.groups, [
    {
      namespace: 'default',
      name: 'mpi',
      action: 'Checkpoint',
      members: [
        { namespace: 'default', name: 'r1', uid: 'uid-r1' },
        { namespace: 'default', name: 'r2', uid: 'uid-r2' },
      ],
    },
  ]);
});

test('a decision without groups carries none', () => {
  const story = new Story().nodes(...nodes('n1')).pods(pod('a').priority(1).requests({ cpu: '2' }).on('n1'));
  const decision = interruption(story.after(MINUTE).pods(urgent()));
  assert.ok(!('groups' in decision));
  assert.equal(decision.victims[0]?.group, undefined);
});

test('a single running member is a pod like any other', () => {
  const story = new Story().nodes(...nodes('n1')).pods(rank('r1', 'n1'));
  assert.ok(!('groups' in interruption(story.after(MINUTE).pods(urgent()))));
});

test('groups of the same name in other namespaces are other groups', () => {
  const story = new Story().nodes(...nodes('n1', 'n2')).pods(rank('r1', 'n1'), rank('r2', 'n2').namespace('other'));
  const decision = interruption(story.after(MINUTE).pods(urgent()));
  assert.equal(decision.victims.length, 1);
});

test('a dear single pod goes rather than a group that costs more in all', () => {
  const story = new Story()
    .nodes(...nodes('n1', 'n2', 'n3'))
    .pods(rank('r1', 'n1'), rank('r2', 'n2'), pod('single').priority(1).requests({ cpu: '2' }).on('n3'));
  for (const uid of ['uid-r1', 'uid-r2']) story.tell({ type: 'UsageObserved', uid, memoryBytes: GIB });
  story.tell({ type: 'UsageObserved', uid: 'uid-single', memoryBytes: 2 * GIB });
  const decision = interruption(story.after(10 * MINUTE).pods(urgent()));
  assert.deepEqual(
    decision.victims.map((victim) => victim.pod.name),
    ['single'],
  );
});

test('the cost of a group is that of all its members', () => {
  const story = twoRanks();
  for (const uid of ['uid-r1', 'uid-r2']) story.tell({ type: 'UsageObserved', uid, memoryBytes: GIB });
  const decision = interruption(story.pods(urgent()));
  const [plan] = decision.explanation.plans;
  const each = decision.victims.map((victim) => victim.costs.checkpoint ?? 0);
  assert.ok(each.every((cost) => cost > 0));
  assert.ok(Math.abs((plan?.cost ?? 0) - each.reduce((sum, cost) => sum + cost, 0)) < 0.002, `${plan?.cost} ${each}`);
  assert.equal(plan?.victims[0]?.group, 'default/mpi');
});

test('a group has the priority of its highest member', () => {
  const story = new Story()
    .nodes(...nodes('n1', 'n2', 'n3'))
    .pods(rank('r1', 'n1'), rank('r2', 'n2').priority(5))
    .pods(pod('single').priority(4).requests({ cpu: '2' }).on('n3'));
  const decision = interruption(story.after(10 * MINUTE).pods(urgent()));
  assert.deepEqual(
    decision.victims.map((victim) => victim.pod.name),
    ['single'],
  );
});

test('one member of equal priority protects the whole group', () => {
  const story = new Story().nodes(...nodes('n1', 'n2')).pods(rank('r1', 'n1'), rank('r2', 'n2').priority(10));
  assert.match(
    story
      .after(10 * MINUTE)
      .pods(urgent())
      .brief()
      .join(),
    /^Unschedulable p:/,
  );
});

test('one member that may not be interrupted protects the whole group', () => {
  const story = new Story()
    .nodes(...nodes('n1', 'n2'))
    .pods(rank('r1', 'n1'), rank('r2', 'n2').labels({ [POD_GROUP_LABEL]: 'mpi', keep: 'yes' }));
  const keep = policy('keep', { selector: { matchLabels: { keep: 'yes' } }, onPreemption: 'Never' });
  story.tell({ type: 'InterruptionPolicyChanged', policy: keep }).after(10 * MINUTE);
  assert.match(story.pods(urgent()).brief().join(), /^Unschedulable p:/);
});

test('members for whom different things are permitted are not torn apart', () => {
  const story = new Story()
    .nodes(...nodes('n1', 'n2'))
    .pods(rank('r1', 'n1'), rank('r2', 'n2').labels({ [POD_GROUP_LABEL]: 'mpi', quick: 'yes' }));
  const quick = policy('quick', { selector: { matchLabels: { quick: 'yes' } }, onPreemption: 'Terminate' });
  story.tell({ type: 'InterruptionPolicyChanged', policy: quick }).after(10 * MINUTE);
  assert.match(story.pods(urgent()).brief().join(), /^Unschedulable p:/);
  const either = policy('z-either', { onPreemption: 'CheckpointElseTerminate' });
  story.tell({ type: 'InterruptionPolicyChanged', policy: either }).after(10 * MINUTE);
  const decision = interruption(story);
  assert.deepEqual(
    decision.groups?.map(({ action }) => action),
    ['Terminate'],
  );
});

test('the shortest timeout of the members holds for the group', () => {
  const story = new Story()
    .nodes(...nodes('n1', 'n2'))
    .pods(rank('r1', 'n1'), rank('r2', 'n2').labels({ [POD_GROUP_LABEL]: 'mpi', slow: 'yes' }));
  const slow = policy('a-slow', { selector: { matchLabels: { slow: 'yes' } }, timeoutSeconds: 500 });
  const all = policy('b-all', { timeoutSeconds: 90 });
  story.tell({ type: 'InterruptionPolicyChanged', policy: slow }, { type: 'InterruptionPolicyChanged', policy: all });
  const decision = interruption(story.after(10 * MINUTE).pods(urgent()));
  assert.equal(decision.groups?.[0]?.timeoutSeconds, 90);
});

test('two members on one node are needed once: the group frees the room of both', () => {
  const story = new Story()
    .nodes(node('n1').allocatable({ cpu: '4' }), ...nodes('n2'))
    .pods(rank('r1', 'n1'), rank('r2', 'n1'), rank('r3', 'n2'))
    .after(10 * MINUTE);
  const decision = interruption(story.pods(urgent('4')));
  assert.equal(decision.nodeName, 'n1');
  assert.deepEqual(
    decision.victims.map((victim) => victim.pod.name),
    ['r1', 'r2', 'r3'],
  );
});

test('rooms that a group frees elsewhere serve the next preemptor, which interrupts nobody for them', () => {
  const story = twoRanks();
  interruption(story.pods(urgent()));
  const other = pod('q').priority(9).requests({ cpu: '2' }).preemption('CheckpointLowerPriority');
  assert.match(story.pods(other).brief().join(), /^Wait q → n2/);
});

test('a group whose members are all on their way out is waited for, not interrupted again', () => {
  const story = twoRanks();
  for (const [name, nodeName] of [
    ['r1', 'n1'],
    ['r2', 'n2'],
  ] as const) {
    story.checkpoints(checkpoint(rank(name, nodeName).build()).created(10 * MINUTE));
  }
  assert.match(story.pods(urgent()).brief().join(), /^Wait p → n1/);
});

test('a member that ended leaves the others a group without it', () => {
  const story = new Story()
    .nodes(...nodes('n1', 'n2', 'n3'))
    .pods(rank('r1', 'n1'), rank('r2', 'n2'), rank('r3', 'n3'))
    .pods(rank('r3', 'n3').phase('Succeeded'), pod('filler').priority(20).requests({ cpu: '2' }).on('n3'));
  const decision = interruption(story.after(10 * MINUTE).pods(urgent()));
  assert.deepEqual(
    decision.victims.map((victim) => victim.pod.name),
    ['r1', 'r2'],
  );
});

test('a policy that is changed, or deleted, counts at once', () => {
  const story = twoRanks();
  const never = policy('x', { onPreemption: 'Never' });
  story.tell({ type: 'InterruptionPolicyChanged', policy: never }).pods(urgent());
  assert.match(story.brief().join(), /^Unschedulable p:/);
  story.tell({ type: 'InterruptionPolicyDeleted', policy: never }).after(20_000);
  assert.match(story.brief().join(), /^Interrupt Checkpoint r1, Checkpoint r2 for p/);
});

const withPort = (one: ReturnType<typeof pod>) =>
  one.spec({ containers: [{ name: 'main', image: 'x', ports: [{ containerPort: 80, hostPort: 80 }] }] });

test('one member of equal priority protects the whole group also where it is not room that is wanted', () => {
  const story = new Story()
    .nodes(...nodes('n1'), node('n2').cordoned())
    .pods(
      pod('leaves')
        .priority(1)
        .on('n1')
        .terminating(11 * MINUTE),
    )
    .pods(withPort(rank('r1', 'n1')), rank('r2', 'n2').priority(10));
  const wanting = withPort(pod('p').priority(10).preemption('CheckpointLowerPriority'));
  assert.match(
    story
      .after(10 * MINUTE)
      .pods(wanting)
      .brief()
      .join(),
    /^Unschedulable p:/,
  );
});

test('a member on its way out is no longer asked, whoever else is on its node: the others may go without it', () => {
  for (const beside of [
    [],
    [
      pod('q')
        .priority(1)
        .on('n2')
        .terminating(11 * MINUTE),
    ],
  ]) {
    const story = new Story()
      .nodes(...nodes('n1'), node('n2').cordoned())
      .pods(rank('r1', 'n1'), rank('r2', 'n2').terminating(11 * MINUTE), ...beside)
      .after(10 * MINUTE);
    assert.deepEqual(story.pods(urgent()).brief(), ['Interrupt Checkpoint r1 for p → n1']);
  }
});
