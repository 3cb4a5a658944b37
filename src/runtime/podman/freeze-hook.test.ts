import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { PodmanLayout } from './layout.ts';
import { FREEZE_FOLDER, settingsFiles } from './settings.ts';

let dump = '';
let hook = '';
beforeEach(() => {
  dump = mkdtempSync(join(tmpdir(), 'fermata-hook-'));
  hook = join(dump, 'hook.sh');
  const layout = new PodmanLayout(dump, join(dump, 'socket'));
  const file = settingsFiles(layout, { infraImage: 'pause' }).find(({ path }) => path === layout.freezeHook);
  writeFileSync(hook, file?.content ?? '', { mode: 0o700 });
});
afterEach(() => rmSync(dump, { recursive: true }));

/** As CRIU runs it for one container; there is no process with that id, so nothing is frozen here. */
function run(container: string, action = 'pre-dump'): Promise<number> {
  const images = join(dump, container, 'checkpoint');
  mkdirSync(images, { recursive: true });
  const env = {
    PATH: process.env.PATH ?? '',
    CRTOOLS_SCRIPT_ACTION: action,
    CRTOOLS_IMAGE_DIR: images,
    CRTOOLS_INIT_PID: '0',
  };
  const child = spawn(hook, [], { env, stdio: 'ignore' });
  return once(child, 'exit').then(([status]) => status as number);
}

function expect(count: number): void {
  mkdirSync(join(dump, FREEZE_FOLDER));
  writeFileSync(join(dump, FREEZE_FOLDER, 'count'), `${count}\n`);
}

test('a container that is dumped alone waits for nobody', async () => {
  assert.equal(await run('main'), 0);
});

test('hooks other than pre-dump do nothing', async () => {
  expect(2);
  assert.equal(await run('main', 'post-dump'), 0);
  assert.deepEqual(readdirSync(join(dump, FREEZE_FOLDER)), ['count']);
});

test('no container of a pod is dumped before all of them are frozen', async () => {
  expect(3);
  const ended: string[] = [];
  const start = (name: string) =>
    run(name).then((status) => {
      ended.push(name);
      return status;
    });
  const first = [start('left'), start('right')];
  while (readdirSync(join(dump, FREEZE_FOLDER)).length < 3) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  assert.deepEqual(ended, []);
  const statuses = await Promise.all([...first, start('last')]);
  assert.deepEqual(statuses, [0, 0, 0]);
});
