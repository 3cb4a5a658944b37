import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpoint, EPOCH, node, pod, policy } from '../testing.ts';
import { Story } from '../testing-story.ts';

const MINUTE = 60_000;
const n1 = () => node('n1').allocatable({ cpu: '2' });
const n2 = () => node('n2').allocatable({ cpu: '2' });
const low = (name: string, cpu = '2') => pod(name).priority(1).requests({ cpu }).on('n1');
const urgent = (name = 'p', cpu = '2') =>
  pod(name).priority(10).requests({ cpu }).preemption('CheckpointLowerPriority');

/** A victim on n1 and its preemptor, decided about, ten minutes in. */
function ordered() {
  const story = new Story()
    .nodes(n1())
    .pods(low('a'))
    .after(10 * MINUTE)
    .pods(urgent());
  assert.deepEqual(story.brief(), ['Interrupt Checkpoint a for p → n1']);
  return {
    story,
    order: checkpoint(low('a').build())
      .for(urgent().build())
      .created(10 * MINUTE),
  };
}

test('under way: nothing is decided again while the order is on its way to the API', () => {
  const { story } = ordered();
  story.pods(urgent().nominated('n1')).nodes(n1().labels({ changed: 'yes' }));
  assert.deepEqual(story.after(10_000).brief(), []);
});

test('under way: an order that never shows is given up after a minute and planned anew', () => {
  const { story } = ordered();
  assert.equal(story.engine.nextWakeup(), story.now + MINUTE);
  assert.deepEqual(story.after(MINUTE).brief(), ['Interrupt Checkpoint a for p → n1']);
});

test('under way: an order that was refused is not given again at once', () => {
  const { story } = ordered();
  story.tell({ type: 'InterruptionFailed', preemptorUID: 'uid-p', victimUID: 'uid-a', reason: 'quota exceeded' });
  assert.deepEqual(story.brief(), []);
  assert.match(
    story.after(1_000).brief().join(),
    /Victim default\/a could not be checkpointed: quota exceeded; next: other victims, or again in 29s/,
  );
  assert.equal(story.engine.nextWakeup(), EPOCH + 10 * MINUTE + 30_000);
  assert.deepEqual(story.after(29_000).brief(), ['Interrupt Checkpoint a for p → n1']);
});

test('under way: a dump that fails leads to other victims at once', () => {
  const { story, order } = ordered();
  story.nodes(n2()).pods(low('b').on('n2'));
  story.checkpoints(order.failed(10 * MINUTE, 'io_uring cannot be dumped'));
  const [decision] = story.decide();
  assert.equal(decision?.type, 'Interrupt');
  assert.match(
    decision?.explanation.summary ?? '',
    /interrupting default\/b \(checkpoint\).* Victim default\/a could not be checkpointed: io_uring cannot be dumped; next: other victims\./,
  );
});

test('under way: a room that comes free elsewhere does not lead the preemptor astray while its victim is dumped', () => {
  const { story, order } = ordered();
  story.checkpoints(order).nodes(n2());
  assert.deepEqual(story.brief(), []);
});

test('under way: when the node dies the preemptor plans elsewhere', () => {
  const { story, order } = ordered();
  story.checkpoints(order).nodes(n2()).pods(low('b').on('n2'));
  story.nodes(n1().notReady());
  assert.deepEqual(story.brief(), ['Interrupt Checkpoint b for p → n2']);
});

test('under way: when the node is deleted the preemptor goes where there is room', () => {
  const { story, order } = ordered();
  story.checkpoints(order).nodes(n2());
  story.tell({ type: 'NodeDeleted', node: n1().build() });
  assert.deepEqual(story.brief(), ['Bind p → n2']);
});

test('under way: of two victims both must be released', () => {
  const story = new Story()
    .nodes(n1())
    .pods(low('a', '1'), low('b', '1'))
    .after(10 * MINUTE)
    .pods(urgent());
  assert.match(story.brief().join(), /^Interrupt Checkpoint [ab], Checkpoint [ab] for p → n1$/);
  const one = checkpoint(low('a', '1').build())
    .for(urgent().build())
    .created(10 * MINUTE);
  const other = checkpoint(low('b', '1').build())
    .for(urgent().build())
    .created(10 * MINUTE);
  story
    .checkpoints(one, other)
    .checkpoints(one.ready(10 * MINUTE))
    .gone(low('a', '1'))
    .checkpoints(one.released());
  assert.deepEqual(story.brief(), []);
  story
    .checkpoints(other.ready(10 * MINUTE))
    .gone(low('b', '1'))
    .checkpoints(other.released());
  assert.deepEqual(story.brief(), ['Bind p → n1']);
});

test('under way: a release seen before the deletion it followed does not lead to a second order', () => {
  const { story, order } = ordered();
  story.checkpoints(order.ready(10 * MINUTE).released());
  assert.deepEqual(story.brief(), []);
  assert.deepEqual(story.gone(low('a')).brief(), ['Bind p → n1']);
});

test('under way: a deletion seen before the order itself keeps the room held', () => {
  const { story, order } = ordered();
  story.gone(low('a')).pods(low('x').priority(1).spec({}).uid('x2'));
  assert.deepEqual(story.brief(), []);
  story.checkpoints(order.ready(10 * MINUTE));
  assert.deepEqual(story.brief(), []);
});

test('under way: a victim that ends by itself while it is dumped makes room once the agent says so', () => {
  const { story, order } = ordered();
  story.checkpoints(order).pods(low('a').phase('Succeeded'));
  assert.deepEqual(story.brief(), []);
  story.checkpoints(order.failed(10 * MINUTE, 'the process has ended'));
  assert.deepEqual(story.brief(), ['Bind p → n1']);
});

test('under way: the victim comes back suspended and waits until the preemptor is done', () => {
  const { story, order } = ordered();
  story
    .checkpoints(order.ready(10 * MINUTE))
    .gone(low('a'))
    .checkpoints(order.released());
  const back = pod('a').uid('a2').priority(1).requests({ cpu: '2' }).restoreFrom('a-1', 0);
  story.pods(back);
  const outcome = story.brief();
  assert.equal(outcome[0], 'Bind p → n1');
  assert.match(outcome[1] ?? '', /^Unschedulable a/);
  assert.equal(story.engine.queueLengths().suspended, 1);
  story
    .pods(urgent().on('n1', 11 * MINUTE))
    .after(MINUTE)
    .pods(
      urgent()
        .on('n1', 11 * MINUTE)
        .phase('Succeeded'),
    );
  assert.deepEqual(story.brief(), ['Bind a → n1']);
});

test('under way: a preemptor that is deleted gives its promised room back', () => {
  const { story, order } = ordered();
  story
    .checkpoints(order.ready(10 * MINUTE))
    .gone(low('a'))
    .gone(urgent())
    .checkpoints(order.released());
  assert.deepEqual(story.pods(pod('c').requests({ cpu: '2' })).brief(), ['Bind c → n1']);
});

test('under way: nominated room is not given to pods of equal or lower priority, but to higher ones', () => {
  const { story, order } = ordered();
  story.checkpoints(order).nodes(n1().allocatable({ cpu: '3' }));
  story.pods(urgent('equal', '1').preemption('Never'));
  assert.match(story.brief().join(), /Unschedulable equal/);
  assert.deepEqual(story.pods(urgent('higher', '1').priority(11)).brief(), ['Bind higher → n1']);
});

test('under way: a preemptor of higher priority takes over the room being made, the other looks elsewhere', () => {
  const { story, order } = ordered();
  story.checkpoints(order).pods(urgent('higher').priority(20));
  const outcome = story.brief();
  assert.match(outcome[0] ?? '', /^Wait higher → n1/);
  assert.match(outcome[1] ?? '', /^Unschedulable p: the room nominated on node n1 goes to default\/higher/);
  story
    .checkpoints(order.ready(10 * MINUTE))
    .gone(low('a'))
    .checkpoints(order.released());
  const after = story.brief();
  assert.equal(after[0], 'Bind higher → n1');
  assert.match(after[1] ?? '', /^Unschedulable p: 0\/1 nodes/);
});

test('under way: waiting for a natural end gives way to interruption when the end does not come', () => {
  const ending = low('a').walltime('601s');
  const story = new Story()
    .nodes(n1())
    .pods(ending)
    .after(10 * MINUTE)
    .pods(urgent());
  assert.deepEqual(story.brief(), ['Wait p → n1 until 606000']);
  assert.equal(story.engine.nextWakeup(), EPOCH + 606_000);
  assert.deepEqual(story.after(6_000).brief(), ['Interrupt Checkpoint a for p → n1']);
});

test('under way: a natural end that comes lets the waiting pod in at once', () => {
  const ending = low('a').walltime('601s');
  const story = new Story()
    .nodes(n1())
    .pods(ending)
    .after(10 * MINUTE)
    .pods(urgent());
  story.decide();
  assert.deepEqual(story.after(1_000).pods(ending.phase('Succeeded')).brief(), ['Bind p → n1']);
});

test('under way: terminated victims are waited for, and their preemptor comes in at once', () => {
  const killer = pod('p').priority(10).requests({ cpu: '2' });
  const story = new Story()
    .nodes(n1())
    .pods(low('a'))
    .after(10 * MINUTE)
    .pods(killer);
  assert.deepEqual(story.brief(), ['Interrupt Terminate a for p → n1']);
  const preempted = { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' } as const;
  story.pods(
    low('a')
      .condition(preempted)
      .terminating(10 * MINUTE + 30_000),
  );
  assert.deepEqual(story.after(5_000).brief(), []);
  assert.deepEqual(story.gone(low('a')).brief(), ['Bind p → n1']);
});

test('restart: a new engine goes on with an interruption by checkpoint, planning nothing twice', () => {
  const order = checkpoint(low('a').build())
    .for(urgent().build())
    .created(10 * MINUTE);
  const story = new Story()
    .after(10 * MINUTE)
    .checkpoints(order)
    .nodes(n1())
    .pods(low('a'), urgent());
  assert.deepEqual(story.brief(), [], 'though the nomination was never written');
  const equal = urgent('equal', '1').preemption('Never');
  assert.match(story.pods(equal).brief().join(), /^Unschedulable equal/);
  story.checkpoints(order.ready(10 * MINUTE)).gone(low('a'));
  assert.deepEqual(story.brief(), []);
  assert.equal(story.checkpoints(order.released()).brief()[0], 'Bind p → n1');
});

test('restart: room being released is held though the victim was gone before the engine came', () => {
  const order = checkpoint(low('a').build())
    .for(urgent().build())
    .created(10 * MINUTE)
    .ready(10 * MINUTE);
  const story = new Story()
    .after(10 * MINUTE)
    .checkpoints(order)
    .nodes(n1());
  story.pods(urgent().nominated('n1'), urgent('other').priority(99).preemption('Never'));
  assert.deepEqual(
    story.brief().join(),
    'Unschedulable other: 0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.',
  );
});

test('restart: a terminating victim on the nominated node is waited for, as kube-scheduler does', () => {
  const preempted = { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' } as const;
  const story = new Story().nodes(n1(), n2()).pods(low('b').on('n2'));
  story.pods(low('a').condition(preempted).terminating(30_000), urgent().nominated('n1'));
  assert.deepEqual(story.after(1_000).brief(), []);
});

test('restart: with only the nomination written, the plan is made again', () => {
  const story = new Story()
    .nodes(n1())
    .pods(low('a'), urgent().nominated('n1'))
    .after(10 * MINUTE);
  assert.deepEqual(story.brief(), ['Interrupt Checkpoint a for p → n1']);
});

test('a nomination that leads nowhere is taken back', () => {
  const story = new Story()
    .nodes(n1())
    .pods(low('a'), urgent().nominated('n1'))
    .after(10 * MINUTE);
  story.tell({ type: 'InterruptionPolicyChanged', policy: policy('x', { onPreemption: 'Never' }) });
  const [decision] = story.decide();
  assert.equal(decision?.type === 'Unschedulable' && decision.clearNomination, true);
});
