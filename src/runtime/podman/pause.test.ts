import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pauseProgram } from './pause.ts';

const runnable = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);

test('the pause program runs on this processor and waits for ever', { skip: !runnable }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-pause-'));
  try {
    const path = join(folder, 'pause');
    await writeFile(path, pauseProgram(process.arch));
    await chmod(path, 0o755);
    const child = spawn(path);
    await sleep(100);
    assert.equal(child.exitCode, null);
    const ended = new Promise<string | null>((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    child.kill('SIGKILL');
    assert.equal(await ended, 'SIGKILL');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('for a processor there is no pause program for, the error says what to do', () => {
  assert.throws(() => pauseProgram('mips'), { code: 'CheckpointUnsupported', message: /mips/ });
});
