import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedLink } from './shared-link.ts';

test('a transfer alone has the whole link', () => {
  const link = new SharedLink(100);
  link.begin(500, 2, () => undefined);
  assert.equal(link.nextEnd(), 7);
});

test('two at once take twice as long, and the rest of the longer one goes on alone', () => {
  const link = new SharedLink(100);
  const done: string[] = [];
  link.begin(100, 0, () => done.push('short'));
  link.begin(300, 0, () => done.push('long'));
  assert.equal(link.nextEnd(), 2);
  link.settle(2);
  assert.deepEqual(done, ['short']);
  assert.equal(link.nextEnd(), 4);
  link.settle(4);
  assert.deepEqual(done, ['short', 'long']);
  assert.equal(link.nextEnd(), Infinity);
});

test('one that comes later slows down the first from then on', () => {
  const link = new SharedLink(100);
  link.begin(200, 0, () => undefined);
  link.begin(50, 1, () => undefined);
  // At 1 the first has 100 bytes left; the second needs 50 at half the rate.
  assert.equal(link.nextEnd(), 2);
  link.settle(2);
  assert.equal(link.nextEnd(), 2.5);
});

test('one that is cancelled leaves its part to the others, and is never done', () => {
  const link = new SharedLink(100);
  const done: string[] = [];
  const short = link.begin(100, 0, () => done.push('short'));
  link.begin(300, 0, () => done.push('long'));
  link.cancel(short, 1);
  link.cancel(short, 1);
  // 250 bytes are left at 1.
  assert.equal(link.nextEnd(), 3.5);
  link.settle(3.5);
  assert.deepEqual(done, ['long']);
  assert.equal(link.transfers, 0);
});
