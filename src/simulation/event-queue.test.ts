import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventQueue } from './event-queue.ts';

test('events come by time, those of one instant as they were put in', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 200 }), (times) => {
      const queue = new EventQueue<number>();
      for (const [index, time] of times.entries()) queue.push(time, index);
      const wanted = times.map((time, index) => ({ time, index })).sort((a, b) => a.time - b.time || a.index - b.index);
      for (const { time, index } of wanted) {
        assert.equal(queue.earliest, time);
        assert.equal(queue.pop(), index);
      }
      assert.equal(queue.pop(), undefined);
      assert.equal(queue.earliest, Infinity);
    }),
  );
});
