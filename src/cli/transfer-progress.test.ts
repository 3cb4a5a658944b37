import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TransferProgress } from './transfer-progress.ts';

class Screen {
  readonly isTTY: boolean;
  readonly columns = 80;
  text = '';

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

const HALF = { doneBytes: 1024 ** 2, totalBytes: 2 * 1024 ** 2, secondsLeft: 3.2 };

test('on a terminal a slow transfer says its bytes and the seconds that are left, and takes them away at its end', async () => {
  const screen = new Screen(true);
  const progress = new TransferProgress('storing', screen, { silentMilliseconds: 1 });
  progress.show(HALF);
  await sleep(20);
  progress.show({ doneBytes: 0, totalBytes: 10, secondsLeft: undefined });
  await sleep(150);
  progress.stop();
  assert.match(screen.text, /storing 1\.0 MiB of 2\.0 MiB, 4 s left/);
  assert.match(screen.text, /storing 0 B of 10 B \(/);
  assert.ok(screen.text.endsWith('\r\x1b[2K'));
});

test('elsewhere it says nothing: what a script reads is the result', async () => {
  const screen = new Screen(false);
  const progress = new TransferProgress('storing', screen, { silentMilliseconds: 1 });
  progress.show(HALF);
  await sleep(20);
  progress.stop();
  assert.equal(screen.text, '');
});
