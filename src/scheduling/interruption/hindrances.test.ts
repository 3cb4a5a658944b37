import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { pod } from '../testing.ts';
import { type HinderedPod, Hindrances } from './hindrances.ts';
import type { Permission } from './victim-rules.ts';

const cluster = new Cluster();
const hindered = (name: string, permission: Partial<Permission>): HinderedPod => ({
  pod: podInfo(pod(name).build(), cluster.space, cluster.templates),
  permission: { checkpoint: false, terminate: false, ...permission },
});

test('three that were left alone are named, the rest is counted; where others were found, nobody is', () => {
  const hindrances = new Hindrances();
  for (const name of ['a', 'b', 'c', 'd', 'e']) hindrances.note(hindered(name, { excluded: `${name} may not` }));
  assert.equal(
    hindrances.sentence(0, false),
    ' Left alone: default/a (a may not), default/b (b may not), default/c (c may not) and 2 more.',
  );
  assert.equal(hindrances.sentence(0, true), '');
  assert.equal(hindrances.retryAt, undefined);
});

test('failed dumps are named with what comes next', () => {
  const hindrances = new Hindrances();
  hindrances.note(hindered('a', { excluded: 'x', dumpFailure: 'no space.', retryAt: 30_000 }));
  hindrances.note(hindered('b', { excluded: 'x', dumpFailure: 'io_uring', retryAt: 20_000, terminate: true }));
  assert.equal(hindrances.retryAt, 20_000);
  assert.equal(
    hindrances.sentence(10_000, false),
    ' Victim default/a could not be checkpointed: no space; next: other victims, or again in 20s.' +
      ' Victim default/b could not be checkpointed: io_uring; next: it may be terminated.',
  );
  assert.match(hindrances.sentence(10_000, true), /no space; next: other victims\. /);
});

test('of failed dumps three are named, the others count among those left alone', () => {
  const hindrances = new Hindrances();
  for (const name of ['a', 'b', 'c', 'd']) hindrances.note(hindered(name, { excluded: 'left', dumpFailure: 'no' }));
  const sentence = hindrances.sentence(0, false);
  assert.equal(sentence.split('could not be checkpointed').length, 4);
  assert.match(sentence, / Left alone: default\/d \(left\)\.$/);
});

test('one that may be terminated instead is not left alone, and nothing noted says nothing', () => {
  const hindrances = new Hindrances();
  hindrances.note(hindered('a', { excluded: 'too large', terminate: true }));
  hindrances.note(hindered('b', {}));
  assert.equal(hindrances.sentence(0, false), '');
});

test('what is said is worded for the present moment', () => {
  const hindrances = new Hindrances(() => ({ checkpoint: true, terminate: false, excluded: 'for 5s more' }));
  hindrances.note(hindered('a', { excluded: 'for 9s more' }));
  assert.equal(hindrances.sentence(0, false), ' Left alone: default/a (for 5s more).');
});
