import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { checkpoint, EPOCH, pod } from '../testing.ts';
import { InterruptionRecord, retryAfterFailures } from './interruption-record.ts';

const source = pod('a').workload('w').on('n1').build();
const HOUR = 3_600_000;

test('protection grows with each interruption and bounds them to 9 in the first hour', () => {
  const record = new InterruptionRecord();
  const times: number[] = [];
  for (let now = EPOCH; now < EPOCH + 4 * HOUR; ) {
    record.interrupted('default/w', `number ${times.length}`, now);
    times.push(now - EPOCH);
    // The most impatient preemptor there could be: as soon as the protection ends.
    now += record.protectionOf('default/w', now);
  }
  assert.deepEqual(times.slice(0, 5), [0, 10_000, 30_000, 70_000, 150_000]);
  assert.equal(times.filter((time) => time < HOUR).length, 9);
  assert.ok(times.filter((time) => time >= 2 * HOUR).length <= 2);
});

test('interruptions are forgotten after 24 hours, and the protection with them', () => {
  const record = new InterruptionRecord();
  record.interrupted('default/w', 'one', EPOCH);
  assert.equal(record.countOf('default/w', EPOCH + 24 * HOUR - 1), 1);
  assert.equal(record.countOf('default/w', EPOCH + 24 * HOUR), 0);
  assert.equal(record.protectionOf('default/w', EPOCH + 24 * HOUR), 0);
});

test('an interruption counts once however often its object changes, and after its object is gone', () => {
  const record = new InterruptionRecord();
  const done = checkpoint(source).ready(0).build();
  record.observe(done, EPOCH);
  record.observe(done, EPOCH + 5);
  assert.equal(record.countOf('default/w', EPOCH + 10), 1);
});

test('copies, and stops for other reasons than preemption, are no interruptions', () => {
  const record = new InterruptionRecord();
  record.observe(checkpoint(source, 'copy').copy().ready(0).build(), EPOCH);
  const suspended = checkpoint(source, 'suspended').ready(0).build();
  record.observe({ ...suspended, spec: { ...suspended.spec, reason: 'Manual' } }, EPOCH);
  assert.equal(record.countOf('default/w', EPOCH + 10), 0);
});

test('failed dumps keep a pod off for 30 s, doubling to 10 minutes', () => {
  const waits = [1, 2, 3, 4, 5, 6, 60].map((count) => retryAfterFailures({ count, lastAt: 0, reason: '' }) / 1000);
  assert.deepEqual(waits, [30, 60, 120, 240, 480, 600, 600]);
});

test('a dump that succeeds wipes out the failures before it', () => {
  const record = new InterruptionRecord();
  record.observe(checkpoint(source, 'one').failed(0, 'no space').build(), EPOCH);
  assert.equal(record.failuresOf(source.metadata.uid)?.reason, 'no space');
  record.observe(checkpoint(source, 'two').copy().ready(5).build(), EPOCH);
  assert.equal(record.failuresOf(source.metadata.uid), undefined);
});

test('a failure that was seen to happen counts from then, however wrong the clock of its node is', () => {
  for (const said of [-HOUR, HOUR]) {
    const record = new InterruptionRecord();
    record.observe(checkpoint(source, 'one').build(), EPOCH);
    record.observe(checkpoint(source, 'one').failed(said, 'no space').build(), EPOCH + 5);
    assert.equal(record.failuresOf(source.metadata.uid)?.lastAt, EPOCH + 5);
  }
});

test('one that was not seen to happen counts from when its node says, and never from the future', () => {
  const record = new InterruptionRecord();
  record.observe(checkpoint(source, 'one').failed(-HOUR, 'no space').build(), EPOCH);
  assert.equal(record.failuresOf(source.metadata.uid)?.lastAt, EPOCH - HOUR);
  record.observe(checkpoint(source, 'two').failed(HOUR, 'no space').build(), EPOCH);
  assert.equal(record.failuresOf(source.metadata.uid)?.lastAt, EPOCH);
});

test('an interruption that was seen to happen counts from then, also when it is seen again', () => {
  const record = new InterruptionRecord();
  record.observe(checkpoint(source).build(), EPOCH);
  const done = checkpoint(source).ready(-HOUR).build();
  record.observe(done, EPOCH + 5);
  record.observe(done, EPOCH + 6);
  assert.equal(record.oldestExpiry('default/w'), EPOCH + 5 + 24 * HOUR);
});

test('a move that makes room for somebody interrupts whom it happens to; any other move does not', () => {
  const record = new InterruptionRecord();
  const moved = checkpoint(source).ready(0).build();
  const move = { ...moved, spec: { ...moved.spec, reason: 'Migration' as const } };
  record.observe(move, EPOCH);
  assert.equal(record.countOf('default/w', EPOCH + 10), 0);
  const preemptor = { namespace: 'default', name: 'p', uid: 'uid-p' };
  record.observe({ ...move, spec: { ...move.spec, preemptor } }, EPOCH);
  assert.equal(record.countOf('default/w', EPOCH + 10), 1);
});

test('a checkpoint for somebody that lets its pod run on is no interruption, nor one for another reason', () => {
  const record = new InterruptionRecord();
  const done = checkpoint(source).for(pod('p').build()).ready(0).build();
  record.observe({ ...done, spec: { ...done.spec, postCheckpointState: 'Running' } }, EPOCH);
  record.observe({ ...done, spec: { ...done.spec, reason: 'Drain' } }, EPOCH);
  assert.equal(record.countOf('default/w', EPOCH + 10), 0);
});

test('a termination counts when the scheduler preempted the pod, once, from when it was first seen', () => {
  const record = new InterruptionRecord();
  const { space, templates } = new Cluster();
  const preempted = pod('a')
    .workload('w')
    .on('n1')
    .condition({ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' });
  record.terminated(podInfo(source, space, templates), EPOCH);
  assert.equal(record.countOf('default/w', EPOCH), 0);
  record.terminated(podInfo(preempted.build(), space, templates), EPOCH);
  record.terminated(podInfo(preempted.build(), space, templates), EPOCH + HOUR);
  assert.equal(record.countOf('default/w', EPOCH + HOUR), 1);
  assert.equal(record.oldestExpiry('default/w'), EPOCH + 24 * HOUR);
  record.terminated(podInfo(preempted.uid('next').build(), space, templates), EPOCH + HOUR);
  assert.equal(record.countOf('default/w', EPOCH + HOUR), 2);
});

test('what was not seen under way was not seen to end: of a stop whose pod was replaced the word of the node counts', () => {
  const record = new InterruptionRecord();
  const failed = checkpoint(source, 'one').failed(-HOUR, 'no space').build();
  const conditions = (failed.status?.conditions ?? []).map((one) => ({ ...one, reason: 'SourcePodReplaced' }));
  record.observe({ ...failed, status: { ...failed.status, conditions } }, EPOCH);
  record.observe(failed, EPOCH + 5);
  assert.equal(record.failuresOf(source.metadata.uid)?.lastAt, EPOCH - HOUR);
});
