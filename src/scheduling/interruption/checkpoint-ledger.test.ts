import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpoint, EPOCH, pod } from '../testing.ts';
import { CheckpointLedger, stopDeadlineOf, stopPhaseOf } from './checkpoint-ledger.ts';
import type { FactListener } from './fact-changes.ts';

const source = pod('a').workload('w').on('n1').build();
const preemptor = pod('p').build();
const order = () => checkpoint(source, 'c').for(preemptor).created(1_000);

test('what a stop has come to: under way until it failed or its room is confirmed free', () => {
  assert.equal(stopPhaseOf(order().build()), 'UnderWay');
  assert.equal(stopPhaseOf(order().ready(2_000).build()), 'UnderWay');
  assert.equal(stopPhaseOf(order().ready(2_000).released().build()), 'Released');
  assert.equal(stopPhaseOf(order().failed(2_000, 'no').build()), 'Failed');
});

test('a stop holds room while it is under way, and the pod is on its way out until it failed', () => {
  const ledger = new CheckpointLedger();
  ledger.put(order().build());
  assert.equal(ledger.holding('uid-a')?.metadata.name, 'c');
  assert.equal(ledger.stopping('uid-a')?.metadata.name, 'c');
  ledger.put(order().ready(2_000).released().build());
  assert.equal(ledger.holding('uid-a'), undefined);
  assert.equal(ledger.stopping('uid-a')?.metadata.name, 'c');
  ledger.put(order().failed(2_000, 'no').build());
  assert.equal(ledger.stopping('uid-a'), undefined);
  assert.equal(ledger.holding('uid-b'), undefined);
});

test('a copy that lets its pod run on holds nothing', () => {
  const ledger = new CheckpointLedger();
  ledger.put(order().copy().build());
  assert.equal(ledger.holding('uid-a'), undefined);
  assert.deepEqual(ledger.forPreemptor('uid-p'), []);
});

test('found by name and by preemptor, as it is now, and not at all once it is deleted', () => {
  const ledger = new CheckpointLedger();
  ledger.put(order().build());
  const ready = order().ready(2_000).build();
  ledger.put(ready);
  assert.equal(ledger.get('default/c'), ready);
  assert.deepEqual(ledger.forPreemptor('uid-p'), [ready]);
  ledger.delete(ready);
  ledger.delete(ready);
  assert.equal(ledger.get('default/c'), undefined);
  assert.deepEqual(ledger.forPreemptor('uid-p'), []);
  assert.equal(ledger.holding('uid-a'), undefined);
  assert.equal(ledger.newestReady('default/w'), undefined);
});

test('a new version forgets what the old one said', () => {
  const ledger = new CheckpointLedger();
  const ready = order().ready(2_000).build();
  ledger.put(ready);
  assert.equal(ledger.newestReady('default/w'), EPOCH + 2_000);
  ledger.put({ ...ready, spec: { ...ready.spec, postCheckpointState: 'Running' }, status: {} });
  assert.equal(ledger.newestReady('default/w'), undefined);
  assert.equal(ledger.stopping('uid-a'), undefined);
  assert.deepEqual(ledger.forPreemptor('uid-p'), []);
});

test('of a workload the newest usable checkpoint counts', () => {
  const ledger = new CheckpointLedger();
  for (const [name, time] of [
    ['one', 5_000],
    ['two', 9_000],
    ['three', 7_000],
  ] as const) {
    ledger.put(checkpoint(source, name).copy().ready(time).build());
  }
  ledger.put(checkpoint(source, 'four').copy().failed(99_000, 'no').build());
  assert.equal(ledger.newestReady('default/w'), EPOCH + 9_000);
  assert.equal(ledger.newestReady('default/other'), undefined);
});

test('the deadline of a stop is its timeout after it began, and a slack', () => {
  const built = order().build();
  assert.equal(stopDeadlineOf(built), EPOCH + 1_000 + 300_000 + 10_000);
  const begun = { ...built, status: { startTime: new Date(EPOCH + 4_000).toISOString() } };
  assert.equal(stopDeadlineOf(begun), EPOCH + 4_000 + 300_000 + 10_000);
  assert.equal(stopDeadlineOf({ ...begun, spec: { ...begun.spec, timeoutSeconds: 7 } }), EPOCH + 4_000 + 17_000);
});

test('who follows is told of the source and its workload, at every change', () => {
  const told: string[] = [];
  const listener: FactListener = {
    podChanged: (uid) => void told.push(uid),
    workloadChanged: (workload) => void told.push(workload),
    nodeChanged: () => assert.fail('no node changed'),
    everythingChanged: () => assert.fail('not everything changed'),
  };
  const ledger = new CheckpointLedger(listener);
  ledger.put(order().build());
  assert.deepEqual(told.splice(0), ['uid-a', 'default/w']);
  ledger.delete(order().build());
  assert.deepEqual(told, ['uid-a', 'default/w']);
});

test('a stop whose pod was replaced before it could be dumped holds nothing, and stops nobody', () => {
  const built = order().failed(2_000, 'another pod has its name').build();
  const conditions = (built.status?.conditions ?? []).map((one) => ({ ...one, reason: 'SourcePodReplaced' }));
  const replaced = { ...built, status: { ...built.status, conditions } };
  assert.equal(stopPhaseOf(replaced), 'Replaced');
  const ledger = new CheckpointLedger();
  ledger.put(replaced);
  assert.equal(ledger.holding('uid-a'), undefined);
  assert.equal(ledger.stopping('uid-a'), undefined);
  assert.deepEqual(ledger.forPreemptor('uid-p'), [replaced]);
});
