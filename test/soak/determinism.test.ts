import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { SeedRun } from '../../src/soak/index.ts';

const PROGRAM = fileURLToPath(new URL('history-digest.ts', import.meta.url));
const WORLD: SeedRun = { seed: 7, days: 1, nodes: 3, workloadsPerDay: 30, faults: 'all' };

interface Told {
  digest: string;
  events: number;
}

/** In a process of its own. */
async function history(
  runs: readonly SeedRun[],
  setting: { flags?: readonly string[]; environment?: Record<string, string> } = {},
): Promise<Told> {
  const { flags = [], environment = {} } = setting;
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, PROGRAM, JSON.stringify(runs)], {
    env: { ...process.env, ...environment },
  });
  return JSON.parse(stdout) as Told;
}

/** The history that the others are compared with. */
const plain = await history([WORLD], { environment: { TZ: 'UTC', LANG: 'C', LC_ALL: 'C' } });

test('the same seed gives the same bytes of history, whatever process, time zone, language and engine settings', async () => {
  assert.ok(plain.events > 300, `only ${plain.events} events: nothing much was compared`);
  const other = await history([WORLD], {
    flags: ['--max-old-space-size=300', '--max-semi-space-size=1', '--random-seed=4711', '--stack-trace-limit=0'],
    environment: { TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
  });
  assert.deepEqual(other, plain);
});

test('what ran before in the same process leaves no trace in the history', async () => {
  assert.deepEqual(await history([{ ...WORLD, seed: 8 }, WORLD]), plain);
});

test('another seed gives another history', async () => {
  assert.notEqual((await history([{ ...WORLD, seed: 8 }])).digest, plain.digest);
});
