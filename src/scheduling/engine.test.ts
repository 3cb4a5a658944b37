import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpoint, node, pod } from './testing.ts';
import { Story } from './testing-story.ts';

test('a pod that fits is bound, and its room is taken from then on', () => {
  const story = new Story().nodes(node('n1').allocatable({ cpu: '2' }));
  story.pods(pod('a').requests({ cpu: '2' }), pod('b').requests({ cpu: '1' }));
  assert.deepEqual(story.brief(), [
    'Bind a → n1',
    'Unschedulable b: 0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
  ]);
});

test('the whole way of an interruption: order, dump, release, bind', () => {
  const victim = pod('victim').priority(1).requests({ cpu: '2' }).on('n1');
  const urgent = pod('urgent').priority(10).requests({ cpu: '2' }).preemption('CheckpointLowerPriority');
  const story = new Story()
    .nodes(node('n1').allocatable({ cpu: '2' }))
    .pods(victim)
    .after(60_000)
    .pods(urgent);
  assert.deepEqual(story.brief(), ['Interrupt Checkpoint victim for urgent → n1']);
  const order = checkpoint(victim.build()).for(urgent.build());
  story.after(20).checkpoints(order);
  assert.deepEqual(story.brief(), [], 'waits while the dump is under way');
  story.after(500).checkpoints(order.ready(60_500));
  story.pods(victim.terminating(61_000)).after(50).gone(victim);
  assert.deepEqual(story.brief(), [], 'the pod object is gone, but nobody has confirmed its room free');
  const intruder = pod('intruder').priority(1).requests({ cpu: '1' });
  story.pods(intruder);
  assert.match(story.brief().join(), /Unschedulable intruder/, 'room being released is not given away');
  story.after(50).checkpoints(order.released());
  assert.deepEqual(story.brief(), ['Bind urgent → n1'], 'at once, without backoff');
});

test('a failed bind is undone and tried again after a backoff', () => {
  const story = new Story().nodes(node('n1'));
  const before = story.engine.snapshot();
  story.pods(pod('a').requests({ cpu: '1' }));
  assert.deepEqual(story.brief(), ['Bind a → n1']);
  story.engine.observe({ type: 'BindFailed', uid: 'uid-a', reason: 'conflict' }, story.now);
  assert.deepEqual(story.engine.snapshot(), before);
  assert.deepEqual(story.brief(), []);
  assert.equal(story.engine.nextWakeup(), story.now + 1_000);
  assert.deepEqual(story.after(1_000).brief(), ['Bind a → n1']);
});

test('a bind says how the best nodes scored, unless it is told that nobody reads it', () => {
  for (const explains of [true, false]) {
    const story = new Story({ explains }).nodes(node('n1'), node('n2')).pods(pod('a').requests({ cpu: '1' }));
    const [bind] = story.decide();
    assert.equal(bind?.type, 'Bind');
    assert.equal(bind?.explanation.scores.length, explains ? 2 : 0);
  }
});
