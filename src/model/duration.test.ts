import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, humanDuration, parseDuration, parseWalltime } from './duration.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test('durations are read as Go reads them', () => {
  const cases: Record<string, number> = {
    '1h30m': 90 * MINUTE,
    '90s': 90 * SECOND,
    '1.5h': 90 * MINUTE,
    '-2m': -2 * MINUTE,
    '300ms': 300,
    '5us': 0.005,
    '5µs': 0.005,
    '0': 0,
    '.5s': 500,
  };
  for (const [text, want] of Object.entries(cases)) assert.equal(parseDuration(text), want, text);
});

describe('refused durations', () => {
  const cases: Record<string, [string, RegExp]> = {
    'days, with the hours they are': ['2d', /"d" is not a unit of it; .*did you mean "48h"\?/],
    'a bare number': ['90', /its unit is missing; units are ns, us, ms, s, m, h/],
    'a number at the end': ['1h30', /not a number with a unit/],
    'empty text': ['', /not a number with a unit/],
    'two points': ['1.2.3s', /"1.2.3" is not a number/],
  };
  for (const [sentence, [text, want]] of Object.entries(cases)) {
    test(sentence, () => assert.throws(() => parseDuration(text), { code: 'DurationInvalid', message: want }));
  }
});

test('a walltime may be whole seconds, and is never 0', () => {
  assert.equal(parseWalltime('3600'), HOUR);
  assert.equal(parseWalltime('1h'), HOUR);
  assert.throws(() => parseWalltime('0'), { code: 'DurationInvalid' });
  assert.throws(() => parseWalltime('-5m'), { code: 'DurationInvalid' });
});

test('what is written is read back', () => {
  assert.equal(formatDuration(90 * MINUTE), '1h30m0s');
  assert.equal(formatDuration(1500), '1.5s');
  assert.equal(formatDuration(0), '0s');
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), (milliseconds) => {
      const back = parseDuration(formatDuration(milliseconds));
      assert.ok(Math.abs(back - milliseconds) < 0.001, `${milliseconds} came back as ${back}`);
    }),
  );
});

test('ages are shown as kubectl shows them', () => {
  const cases: [number, string][] = [
    [-5 * SECOND, '<invalid>'],
    [0, '0s'],
    [119 * SECOND, '119s'],
    [2 * MINUTE, '2m'],
    [3 * MINUTE + 20 * SECOND, '3m20s'],
    [2 * HOUR, '120m'],
    [7 * HOUR + 5 * MINUTE, '7h5m'],
    [12 * HOUR, '12h'],
    [3 * DAY + 4 * HOUR, '3d4h'],
    [30 * DAY, '30d'],
    [2 * 365 * DAY, '2y'],
    [3 * 365 * DAY + DAY, '3y1d'],
    [9 * 365 * DAY, '9y'],
  ];
  for (const [age, want] of cases) assert.equal(humanDuration(age), want);
});
