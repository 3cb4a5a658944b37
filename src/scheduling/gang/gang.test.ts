import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POD_GROUP_LABEL } from '../../model/index.ts';
import { checkpoint, node, type PodBuilder, pod, policy } from '../testing.ts';
import { Story } from '../testing-story.ts';
import { groupIs } from './testing-group.ts';

const member = (name: string, group: string, cpu: number): PodBuilder =>
  pod(name)
    .labels({ [POD_GROUP_LABEL]: group })
    .requests({ cpu: String(cpu) });

const urgentMember = (name: string, group: string, cpu: number): PodBuilder =>
  member(name, group, cpu).priority(10).preemption('CheckpointLowerPriority');

const running = (name: string, on: string, cpu: number): PodBuilder =>
  pod(name)
    .priority(1)
    .requests({ cpu: String(cpu) })
    .on(on);

function story(...cpus: number[]): Story {
  return new Story().nodes(...cpus.map((cpu, index) => node(`n${index + 1}`).allocatable({ cpu: String(cpu) })));
}

test('a gang that fits is bound whole', () => {
  const bound = story(2, 2)
    .tell(groupIs('g', 2))
    .pods(member('a', 'g', 2), member('b', 'g', 2))
    .brief();
  assert.deepEqual(bound.sort(), ['Bind a → n1', 'Bind b → n2']);
});

test('a gang of which one does not fit starts none, and says how many do', () => {
  const said = story(2, 1)
    .tell(groupIs('g', 2))
    .pods(member('a', 'g', 2), member('b', 'g', 2))
    .brief();
  const note = 'pod group default/g needs 2 pods at once: 0 run, 1 fits, 1 does not.';
  assert.equal(said[0], `Unschedulable a: ${note}`);
  assert.match(
    said[1] ?? '',
    /^Unschedulable b: 0\/2 nodes are available: 2 Insufficient cpu\. preemption: .* does not\.$/,
  );
  assert.equal(said.length, 2);
});

test('room that a gang does not take is there for others', () => {
  const world = story(2, 1)
    .tell(groupIs('g', 2))
    .pods(member('a', 'g', 2), member('b', 'g', 2));
  world.pods(pod('single').requests({ cpu: '2' }).created(1));
  assert.deepEqual(world.brief().at(-1), 'Bind single → n1');
});

test('it waits until all of its pods are there, and then starts at once', () => {
  const world = story(4)
    .tell(groupIs('g', 3))
    .pods(member('a', 'g', 1), member('b', 'g', 1));
  assert.equal(world.brief()[0], 'Unschedulable a: pod group default/g has 2 of the 3 pods that must run at once.');
  world.after(60_000).pods(member('c', 'g', 1));
  assert.deepEqual(world.brief().sort(), ['Bind a → n1', 'Bind b → n1', 'Bind c → n1']);
});

test('pods of a group that does not exist wait for it', () => {
  const world = story(4).pods(member('a', 'g', 1));
  assert.deepEqual(world.brief(), ['Unschedulable a: pod group default/g does not exist.']);
  assert.deepEqual(world.after(60_000).tell(groupIs('g', 1)).brief(), ['Bind a → n1']);
});

test('pods beyond minMember start if they can, and do not hold up the others', () => {
  const world = story(2).tell(groupIs('g', 2));
  const said = world.pods(member('a', 'g', 1), member('b', 'g', 1), member('c', 'g', 1)).brief();
  assert.deepEqual(said.slice(0, 2).sort(), ['Bind a → n1', 'Bind b → n1']);
  assert.match(said[2] ?? '', /^Unschedulable c: 0\/1 nodes are available: 1 Insufficient cpu\./);
});

test('a member that is lost comes back beside those that still run', () => {
  const world = story(2, 2)
    .tell(groupIs('g', 2))
    .pods(member('a', 'g', 2).on('n1'), member('b', 'g', 2));
  assert.deepEqual(world.brief(), ['Bind b → n2']);
});

test('members on their way out do not count as running', () => {
  const world = story(2, 2)
    .tell(groupIs('g', 2))
    .pods(member('a', 'g', 2).on('n1').terminating(9_000), member('b', 'g', 2));
  assert.deepEqual(world.brief(), ['Unschedulable b: pod group default/g has 1 of the 2 pods that must run at once.']);
});

test('what comes back from a checkpoint does not wait for siblings that have succeeded', () => {
  const world = story(2, 2)
    .tell(groupIs('g', 2))
    .pods(member('a', 'g', 2).on('n1').phase('Running'), member('b', 'g', 2).on('n2').phase('Running'));
  world.pods(member('a', 'g', 2).on('n1').phase('Succeeded')).gone(member('b', 'g', 2));
  world.pods(member('b', 'g', 2).uid('b2').restoreFrom('c', 0));
  assert.deepEqual(world.brief(), ['Bind b → n1']);
});

test('it does once their objects are gone, or have failed', () => {
  for (const phase of ['Succeeded', 'Failed'] as const) {
    const world = story(2, 2)
      .tell(groupIs('g', 2))
      .pods(member('a', 'g', 2).on('n1').phase(phase));
    if (phase === 'Succeeded') world.gone(member('a', 'g', 2));
    world.pods(member('b', 'g', 2).restoreFrom('c', 0));
    assert.match(world.brief()[0] ?? '', /^Unschedulable b: pod group default\/g has 1 of the 2 pods/, phase);
  }
});

test('a gang that begins anew is not made up by pods of an earlier one', () => {
  const world = story(2, 2)
    .tell(groupIs('g', 2))
    .pods(member('a', 'g', 2).on('n1').phase('Succeeded'), member('b', 'g', 2));
  assert.match(world.brief()[0] ?? '', /^Unschedulable b: pod group default\/g has 1 of the 2 pods/);
});

test('spread out they would stand in their own way: they are packed', () => {
  const world = story(4, 4).tell(groupIs('g', 3));
  world.pods(member('a', 'g', 2), member('b', 'g', 2), member('c', 'g', 4));
  const bound = world.brief();
  assert.equal(bound.filter((one) => one.startsWith('Bind')).length, 3, bound.join('\n'));
});

test('one turn for all: nobody gets in between two members', () => {
  const world = story(3).tell(groupIs('g', 2));
  world.pods(
    member('a', 'g', 1).created(0),
    pod('x').requests({ cpu: '1' }).created(1),
    member('b', 'g', 1).created(2),
  );
  assert.deepEqual(world.brief(), ['Bind a → n1', 'Bind b → n1', 'Bind x → n1']);
});

test('all the interruptions it takes are ordered at once, and the room that is there is kept', () => {
  const world = story(2, 2, 2)
    .tell(groupIs('g', 3))
    .pods(running('v1', 'n1', 2), running('v2', 'n2', 2))
    .after(60_000)
    .pods(urgentMember('a', 'g', 2), urgentMember('b', 'g', 2), urgentMember('c', 'g', 2));
  const said = world.brief().sort();
  assert.match(said[0] ?? '', /^Interrupt Checkpoint v1 for . → n1$/);
  assert.match(said[1] ?? '', /^Interrupt Checkpoint v2 for . → n2$/);
  assert.match(said[2] ?? '', /^Wait . → n3 until /);
  world.pods(pod('intruder').priority(10).requests({ cpu: '2' }));
  assert.match(world.brief().join(), /^Unschedulable intruder/, 'what is kept is not given away');
});

test('members that a gang does not need are not forgotten while room is made for the others', () => {
  const victim = running('v1', 'n1', 2);
  const late = urgentMember('late', 'g', 2);
  const world = story(2).tell(groupIs('g', 1)).pods(victim);
  world.pods(member('early', 'g', 2));
  assert.match(world.after(60_000).brief().join(), /^Unschedulable early: .*needs 1 pod at once/);
  const said = world.after(60_000).pods(late).brief();
  assert.equal(said[0], 'Interrupt Checkpoint v1 for late → n1');
  assert.match(said[1] ?? '', /^Unschedulable early: .*room is being made for late of pod group default\/g/);
  assert.equal(world.engine.queueLengths().unschedulable, 2);
  world.gone(late).nodes(node('n2').allocatable({ cpu: '2' }));
  assert.deepEqual(world.after(10_000).brief(), ['Bind early → n2']);
});

test('two members that make room on one node have victims of their own each', () => {
  const said = story(4)
    .tell(groupIs('g', 2))
    .pods(running('v1', 'n1', 2), running('v2', 'n1', 2))
    .after(60_000)
    .pods(urgentMember('a', 'g', 2), urgentMember('b', 'g', 2))
    .decide()
    .map((decision) => (decision.type === 'Interrupt' ? decision.victims.map(({ pod: { name } }) => name) : []));
  assert.deepEqual(
    said.map((victims) => victims.length),
    [1, 1],
  );
  assert.deepEqual(said.flat().sort(), ['v1', 'v2']);
});

test('nobody is interrupted for a part of a gang', () => {
  const said = story(2, 2, 1)
    .tell(groupIs('g', 3))
    .pods(running('v1', 'n1', 2), running('v2', 'n2', 2))
    .after(60_000)
    .pods(urgentMember('a', 'g', 2), urgentMember('b', 'g', 2), urgentMember('c', 'g', 2))
    .brief();
  assert.deepEqual(
    said.filter((one) => !one.startsWith('Unschedulable')),
    [],
  );
  assert.match(said.join('\n'), /needs 3 pods at once: 0 run, 0 fit, 3 do not/);
});

test('it is bound whole once the last of its victims is gone', () => {
  const victims = [running('v1', 'n1', 2), running('v2', 'n2', 2)];
  const gang = [urgentMember('a', 'g', 2), urgentMember('b', 'g', 2)];
  const world = story(2, 2)
    .tell(groupIs('g', 2))
    .pods(...victims)
    .after(60_000)
    .pods(...gang);
  const orders = world
    .decide()
    .flatMap((decision) =>
      decision.type === 'Interrupt' ? [{ preemptor: decision.pod.name, victim: decision.victims[0]?.pod.name }] : [],
    );
  assert.equal(orders.length, 2);
  const made = orders.map(({ preemptor, victim }) => {
    const source = victims.find((one) => one.build().metadata.name === victim)?.build();
    const by = gang.find((one) => one.build().metadata.name === preemptor)?.build();
    assert.ok(source && by);
    return { source, object: checkpoint(source).for(by) };
  });
  for (const { object } of made) world.checkpoints(object.ready(60_500));
  const [first, second] = made;
  assert.ok(first && second);
  world.tell({ type: 'PodDeleted', pod: first.source }).checkpoints(first.object.released());
  assert.deepEqual(world.after(50).brief(), [], 'one of two has its room: neither is bound');
  world.tell({ type: 'PodDeleted', pod: second.source }).checkpoints(second.object.released());
  assert.deepEqual(world.after(50).brief().sort(), ['Bind a → n1', 'Bind b → n2']);
});

test('room is kept no longer than scheduleTimeoutSeconds', () => {
  const victim = running('v1', 'n1', 2);
  const gang = [urgentMember('a', 'g', 2), urgentMember('b', 'g', 2)];
  const world = story(2, 2)
    .tell(groupIs('g', 2, 30))
    .pods(victim)
    .after(60_000)
    .pods(...gang);
  assert.equal(world.decide().length, 2);
  const [first] = gang;
  assert.ok(first);
  world.checkpoints(checkpoint(victim.build()).created(60_000).for(first.build()));
  world.after(29_000);
  assert.deepEqual(world.brief(), []);
  const said = world.after(2_000).brief();
  assert.match(said.join('\n'), /room was kept for pod group default\/g for 30 s, its scheduleTimeoutSeconds/);
});

test('who may not be interrupted is named, for the gang as for a pod', () => {
  const said = story(2)
    .tell(groupIs('g', 1), { type: 'InterruptionPolicyChanged', policy: policy('p', { onPreemption: 'Never' }) })
    .pods(running('v1', 'n1', 2))
    .after(60_000)
    .pods(urgentMember('a', 'g', 2))
    .brief();
  assert.match(
    said.join('\n'),
    /Left alone: default\/v1 \(policy default\/p says Never\)\..*pod group default\/g needs 1 pods? at once/,
  );
});

test('when a bind fails, the room stays for the member whose gang runs already', () => {
  const world = story(2, 2)
    .tell(groupIs('g', 2))
    .pods(member('a', 'g', 2), member('b', 'g', 2));
  assert.equal(world.decide().length, 2);
  world.tell({ type: 'BindFailed', uid: 'uid-b', reason: 'conflict' });
  world.pods(pod('intruder').requests({ cpu: '2' }));
  assert.match(world.brief().join(), /^Unschedulable intruder/);
  assert.match(world.after(1_000).brief().join(), /^Bind b → n/);
});
