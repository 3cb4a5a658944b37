import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Progress } from './progress.ts';

class Screen {
  readonly isTTY: boolean;
  readonly columns = 20;
  text = '';

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

test('a step that is over quickly says nothing', async () => {
  const screen = new Screen(false);
  const progress = new Progress(screen, { silentMilliseconds: 50 });
  progress.step('waiting');
  progress.stop();
  await sleep(80);
  assert.equal(screen.text, '');
});

test('off a terminal a slow step is one plain line, once', async () => {
  const screen = new Screen(false);
  const progress = new Progress(screen, { silentMilliseconds: 5 });
  progress.step('waiting for the node');
  progress.step('waiting for the node');
  await sleep(150);
  progress.stop();
  assert.equal(screen.text, 'waiting for the node …\n');
});

test('on a terminal the line moves, fits the width, and is erased in the end', async () => {
  const screen = new Screen(true);
  const progress = new Progress(screen, { silentMilliseconds: 5 });
  progress.step('waiting for a node with a long name');
  await sleep(130);
  progress.line('a line that stays');
  progress.stop();
  const shown = screen.text.split('\r\x1b[2K').filter((part) => part !== '');
  assert.ok(shown.length >= 2);
  for (const part of shown.slice(0, -1)) assert.ok(part.length < 20, part);
  assert.ok(screen.text.endsWith('a line that stays\n'));
});
