import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpoint, EPOCH, node, pod, policy } from '../testing.ts';
import { Story } from '../testing-story.ts';

const full = () => new Story().nodes(node('n').allocatable({ cpu: '1' }));
const one = (name: string) => pod(name).requests({ cpu: '1' });

test('queue: higher priority first, then the one that was created first', () => {
  const story = new Story().nodes(node('n')).pods(pod('late').created(2_000), pod('early').created(1_000));
  story.pods(pod('urgent').created(3_000).priority(5));
  assert.deepEqual(
    story.decide().map((decision) => decision.pod.name),
    ['urgent', 'early', 'late'],
  );
});

test('queue: a suspended workload keeps its place and comes before an equal newcomer', () => {
  const story = full().after(10_000).pods(one('newcomer').created(5_000));
  story.pods(one('back').created(9_000).restoreFrom('back-1', 1_000));
  assert.equal(story.engine.queueLengths().suspended, 1);
  assert.equal(story.brief()[0], 'Bind back → n');
});

test('queue: of one instant, the suspended workload goes first', () => {
  const story = full().pods(one('newcomer').created(0), one('back').created(0).restoreFrom('back-1', 0));
  assert.equal(story.brief()[0], 'Bind back → n');
});

test('queue: an unschedulable pod comes back when room is freed, not before', () => {
  const story = full().pods(one('a').on('n'), one('b'));
  assert.match(story.brief().join(), /Unschedulable b/);
  assert.deepEqual(story.after(60_000).brief(), []);
  assert.equal(story.engine.queueLengths().unschedulable, 1);
  assert.deepEqual(story.gone(one('a').on('n')).brief(), ['Bind b → n']);
});

test('queue: a pod that succeeded gives its room back', () => {
  const story = full().pods(one('a').on('n'), one('b'));
  story.decide();
  assert.deepEqual(story.after(60_000).pods(one('a').on('n').phase('Succeeded')).brief(), ['Bind b → n']);
});

test('queue: an event that cannot help leaves the pod alone', () => {
  const story = full().pods(one('a').on('n'), pod('big').requests({ cpu: '2' }));
  story.decide();
  story
    .after(60_000)
    .gone(one('a').on('n'))
    .nodes(node('m').allocatable({ cpu: '1' }));
  assert.deepEqual(story.brief(), []);
  assert.deepEqual(story.nodes(node('o').allocatable({ cpu: '2' })).brief(), ['Bind big → o']);
});

test('queue: backoff doubles from 1 s to 10 s', () => {
  const story = full();
  const waits: number[] = [];
  story.pods(one('a').on('n'), one('b'));
  story.decide();
  for (let round = 0; round < 6; round++) {
    // Room comes and is gone again at once: an attempt follows each time.
    story.gone(one('a').on('n')).pods(one('a').on('n'));
    const due = story.engine.nextWakeup() ?? 0;
    waits.push(due - story.now);
    story.now = due;
    assert.match(story.brief().join(), /Unschedulable b/);
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test('queue: without any event an unschedulable pod is tried again after 5 minutes', () => {
  const story = full().pods(one('a').on('n'), one('b'));
  story.decide();
  assert.equal(story.engine.nextWakeup(), EPOCH + 300_000);
  assert.deepEqual(story.after(299_999).brief(), []);
  assert.match(story.after(1).brief().join(), /Unschedulable b/);
});

test('queue: a pod with scheduling gates is not tried until they are gone', () => {
  const gated = one('a').spec({ schedulingGates: [{ name: 'fermata.dev/suspended' }] });
  const story = full().pods(gated);
  assert.deepEqual(story.brief(), []);
  assert.equal(story.engine.queueLengths().gated, 1);
  assert.deepEqual(story.pods(one('a')).brief(), ['Bind a → n']);
});

test('queue: a restore that failed is not tried before its time', () => {
  const story = full().pods(one('a').restoreFrom('a-1', 0).notBefore(5_000));
  assert.deepEqual(story.brief(), []);
  assert.equal(story.engine.nextWakeup(), EPOCH + 5_000);
  assert.deepEqual(story.after(5_000).brief(), ['Bind a → n']);
});

test('queue: a pod deleted while it waits is forgotten', () => {
  const story = full().pods(one('a').on('n'), one('b'));
  story.decide();
  story.gone(one('b')).after(60_000).gone(one('a').on('n'));
  assert.deepEqual(story.brief(), []);
  assert.deepEqual(story.engine.queueLengths(), { active: 0, backoff: 0, unschedulable: 0, gated: 0, suspended: 0 });
  assert.equal(story.engine.nextWakeup(), undefined);
});

test('queue: a pod of the same name takes the place of one whose deletion was missed', () => {
  const story = full().pods(one('a').on('n'), one('a').uid('second'));
  assert.deepEqual(story.brief(), ['Bind a → n']);
});

test('queue: a status update does not bring a pod back, a change of its spec does', () => {
  const story = new Story().nodes(node('n').labels({ zone: 'a' }));
  story.pods(pod('p').spec({ nodeSelector: { zone: 'b' } }));
  story.decide();
  story.after(60_000).pods(
    pod('p')
      .spec({ nodeSelector: { zone: 'b' } })
      .nominated('n'),
  );
  assert.deepEqual(story.brief(), []);
  assert.deepEqual(story.pods(pod('p').spec({ nodeSelector: { zone: 'a' } })).brief(), ['Bind p → n']);
});

test('queue: what a limited pass leaves over asks to be woken at once', () => {
  const story = new Story().nodes(node('n')).pods(pod('a'), pod('b'));
  assert.equal(story.engine.decide(story.now, 1).length, 1);
  assert.equal(story.engine.nextWakeup(), story.now);
  assert.equal(story.engine.decide(story.now, 1).length, 1);
  assert.equal(story.engine.nextWakeup(), undefined);
});

test('queue: a new policy gives a pod that found no victims another try', () => {
  const never = policy('a', { onPreemption: 'Never' });
  const story = full().tell({ type: 'InterruptionPolicyChanged', policy: never });
  story.pods(one('low').on('n'), one('high').priority(9).preemption('CheckpointLowerPriority')).after(10_000);
  assert.match(story.brief().join(), /Left alone: default\/low \(policy default\/a says Never\)/);
  story.after(10_000).tell({ type: 'InterruptionPolicyDeleted', policy: never });
  assert.deepEqual(story.brief(), ['Interrupt Checkpoint low for high → n']);
});

test('queue: a checkpoint deleted under a held room frees it', () => {
  const source = one('low').on('n');
  const order = checkpoint(source.build()).ready(0);
  const story = full().checkpoints(order).pods(one('b'));
  assert.match(story.brief().join(), /Unschedulable b/);
  story.after(60_000).tell({ type: 'CheckpointDeleted', checkpoint: order.build() });
  assert.deepEqual(story.brief(), ['Bind b → n']);
});

test('queue: a pod that waits for one due to be gone this very instant is looked at again when time has passed', () => {
  const story = full().pods(one('a').on('n').priority(0).terminating(30_000), one('b').priority(5));
  assert.deepEqual(story.brief(), ['Wait b → n until 40000']);
  assert.match(story.after(40_000).brief().join(), /Wait b/);
  assert.ok((story.engine.nextWakeup() ?? 0) > story.now, 'no wakeup at an instant that has been decided about');
});

test('queue: a restore that failed waits its time, also when the clock of whoever recorded it is behind', () => {
  const behind = one('a')
    .restoreFrom('a-1', 0)
    .notBefore(-3_600_000)
    .annotations({ 'fermata.dev/restore-failures': '3' });
  const story = full().pods(behind);
  assert.deepEqual(story.brief(), []);
  assert.deepEqual(story.after(39_000).brief(), []);
  assert.deepEqual(story.after(1_000).brief(), ['Bind a → n']);
});

test('queue: and at most five minutes when it is ahead', () => {
  const story = full().pods(one('a').restoreFrom('a-1', 0).notBefore(3_600_000));
  assert.deepEqual(story.after(299_000).brief(), []);
  assert.deepEqual(story.after(1_000).brief(), ['Bind a → n']);
});
