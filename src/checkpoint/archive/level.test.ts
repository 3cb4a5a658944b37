import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LevelChooser } from './level.ts';

const MB = 1e6;

const LINKS: Record<string, { bytesPerSecond: number; level: number }> = {
  'a local disk': { bytesPerSecond: 800 * MB, level: -2 },
  'a gigabit link': { bytesPerSecond: 110 * MB, level: 1 },
  'a store that others use as well': { bytesPerSecond: 40 * MB, level: 3 },
  'a hundred megabit link': { bytesPerSecond: 11 * MB, level: 6 },
  'a link to another continent': { bytesPerSecond: 2 * MB, level: 9 },
};

for (const [link, { bytesPerSecond, level }] of Object.entries(LINKS)) {
  test(`${link} is worth zstd's level ${level}`, () => {
    const chooser = new LevelChooser();
    chooser.measured(12 * MB, (12 * MB * 1000) / bytesPerSecond);
    chooser.isWaitedFor = true;
    assert.equal(chooser.level, level);
  });
}

test('as long as nothing is known it is 1', () => assert.equal(new LevelChooser().level, 1));

test('a slow link that keeps pace with the processors is not compressed for harder', () => {
  const chooser = new LevelChooser();
  chooser.measured(12 * MB, 6000);
  assert.equal(chooser.level, -2);
  chooser.isWaitedFor = true;
  assert.equal(chooser.level, 9);
  chooser.isWaitedFor = false;
  assert.equal(chooser.level, -2);
});

test('a link that becomes slower is compressed for harder, in steps, and one slow blob is no slow link', () => {
  const chooser = new LevelChooser();
  chooser.isWaitedFor = true;
  const send = (bytesPerSecond: number): number => {
    chooser.measured(12 * MB, (12 * MB * 1000) / bytesPerSecond);
    return chooser.level;
  };
  for (let blob = 0; blob < 5; blob++) assert.equal(send(110 * MB), 1);
  assert.equal(send(2 * MB), 1);
  const levels = Array.from({ length: 12 }, () => send(2 * MB));
  assert.deepEqual(levels, levels.toSorted());
  assert.equal(levels.at(-1), 9);
  for (let blob = 0; blob < 5; blob++) send(110 * MB);
  assert.equal(chooser.level, 1);
});
