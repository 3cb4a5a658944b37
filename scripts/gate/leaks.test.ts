import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cleanUp } from './cleanup.ts';
import { findLeaks, newIn, type Snapshot, takeSnapshot } from './leaks.ts';

const NOTHING: Snapshot = { processes: [], mounts: [], networkNamespaces: [], controlGroups: [], folders: [] };

test('what was there before is no leak, and what is new is named', () => {
  const before = { ...NOTHING, mounts: ['/tmp/run/a'], folders: ['/tmp/fermata-old'] };
  const after = { ...before, mounts: ['/tmp/run/a', '/tmp/run/b'], processes: ['7 conmon'], folders: [] };
  assert.deepEqual(newIn(before, after), ['process left behind: 7 conmon', 'mount left behind: /tmp/run/b']);
});

test('a run that left nothing passes at once', async () => {
  const outer = await mkdtemp(join(tmpdir(), 'fermata-leaks-'));
  const runFolder = join(outer, 'fermata-run');
  await mkdir(runFolder);
  const run = { runFolder, runId: 'leaks-none' };
  const before = await takeSnapshot(run);
  const result = await findLeaks(before, run, new AbortController().signal);
  await rm(outer, { recursive: true });
  assert.deepEqual(result.failures, []);
  assert.equal(result.passed, 1);
});

test('a process and a folder that stay are seen, and taken away', { skip: process.platform !== 'linux' }, async () => {
  const outer = await mkdtemp(join(tmpdir(), 'fermata-leaks-'));
  const runFolder = join(outer, 'fermata-run');
  await mkdir(runFolder);
  const run = { runFolder, runId: `leaks-${process.pid}` };
  const before = await takeSnapshot(run);
  await mkdir(join(runFolder, 'left'));
  const child = spawn('sleep', ['60'], { env: { ...process.env, FERMATA_TEST_RUN: run.runId }, stdio: 'ignore' });
  const gone = once(child, 'exit');
  await once(child, 'spawn');
  const left = newIn(before, await takeSnapshot(run));
  assert.deepEqual(left, [
    `process left behind: ${child.pid} sleep 60`,
    `temporary folder left behind: ${join(runFolder, 'left')}`,
  ]);
  await cleanUp(run);
  await gone;
  const after = newIn(before, await takeSnapshot(run));
  await rm(outer, { recursive: true });
  assert.deepEqual(after, []);
});
