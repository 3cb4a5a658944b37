import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../clock/index.ts';
import { type ArchiveProgress, metered, ProgressMeter } from './progress.ts';

async function* pieces(clock: VirtualClock): AsyncGenerator<Uint8Array, void> {
  for (let piece = 0; piece < 4; piece++) {
    await clock.advance(1000);
    yield new Uint8Array(25);
  }
}

test('what goes through a meter is said with the seconds that are left at that rate, the end always', async () => {
  const clock = new VirtualClock();
  const said: ArchiveProgress[] = [];
  const meter = new ProgressMeter(clock, 100, (progress) => said.push(progress));
  let bytes = 0;
  for await (const piece of metered(pieces(clock), meter)) bytes += piece.length;
  assert.equal(bytes, 100);
  assert.deepEqual(
    said.map(({ doneBytes, secondsLeft }) => [doneBytes, secondsLeft]),
    [
      [25, 3],
      [50, 2],
      [75, 1],
      [100, 0],
    ],
  );
});
