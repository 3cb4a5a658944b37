import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UsageWindow } from './usage-window.ts';

const MINUTE = 60_000;

test('nothing is known before a pod was observed through a whole window', () => {
  const window = new UsageWindow(10 * MINUTE);
  for (let minute = 0; minute < 10; minute++) {
    window.observe({ cpu: 100, memory: 5 }, minute * MINUTE);
    assert.equal(window.peak(minute * MINUTE), undefined);
  }
  window.observe({ cpu: 50, memory: 9 }, 10 * MINUTE);
  assert.deepEqual(window.peak(10 * MINUTE), { cpu: 100, memory: 9 });
});

test('a peak counts for the window and then no more', () => {
  const window = new UsageWindow(10 * MINUTE);
  window.observe({ cpu: 900, memory: 1 }, 0);
  for (let minute = 1; minute <= 30; minute++) window.observe({ cpu: 100, memory: 1 }, minute * MINUTE);
  assert.equal(window.peak(30 * MINUTE)?.cpu, 100);
});

test('what was not measured for a window is not relied on', () => {
  const window = new UsageWindow(10 * MINUTE);
  for (let minute = 0; minute <= 10; minute++) window.observe({ cpu: 100, memory: 1 }, minute * MINUTE);
  assert.notEqual(window.peak(20 * MINUTE), undefined);
  assert.equal(window.peak(20 * MINUTE + 1), undefined);
});

test('the peak is never below anything measured within the window, nor above anything measured at all since a tenth before', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ after: fc.nat(3_000), cpu: fc.nat(1_000) }), { minLength: 1 }), (samples) => {
      const window = new UsageWindow(10_000);
      const seen: { at: number; cpu: number }[] = [];
      let now = 0;
      for (const { after, cpu } of samples) {
        now += after;
        window.observe({ cpu, memory: 0 }, now);
        seen.push({ at: now, cpu });
        const peak = window.known(now).cpu;
        const within = (milliseconds: number): number =>
          Math.max(0, ...seen.filter(({ at }) => at > now - milliseconds).map((sample) => sample.cpu));
        assert.ok(peak >= within(10_000), 'a peak was forgotten too early');
        assert.ok(peak <= within(11_001), 'a peak was kept too long');
      }
    }),
  );
});
