import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Taken out, it betrays itself within a day without any fault. */
const GUARD = 'a victim is deleted before its checkpoint is Ready';

interface Report {
  violations: { seed: number; invariant: unknown; at: string; subject: string; message: string; replay?: string }[];
  [figure: string]: unknown;
}

let failures: string;

before(async () => {
  failures = await mkdtemp(join(tmpdir(), 'fermata-soak-'));
});

after(async () => {
  await rm(failures, { recursive: true });
});

/** `fermata soak`, with a guard of the product taken out if one is named. */
function soak(parameters: readonly string[], guard?: string): Promise<{ status: number; out: string; err: string }> {
  const flags = guard === undefined ? [] : ['--import', join(ROOT, 'test/soak/take-out.ts')];
  const program = [...flags, join(ROOT, 'src/cli/main.ts'), 'soak', ...parameters, '--failures', failures];
  const env = { ...process.env, ...(guard === undefined ? {} : { FERMATA_TEST_GUARD: guard }) };
  return new Promise((resolve) => {
    execFile(process.execPath, program, { cwd: ROOT, env }, (error, out, err) => {
      resolve({ status: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

test('a soak that finds nothing reports its figures and ends with 0', async () => {
  const world = ['--days', '1', '--nodes', '2', '--workloads-per-day', '20', '--faults', 'all'];
  const { status, out, err } = await soak([...world, '--seeds', '3..4', '-o', 'json']);
  const report = JSON.parse(out) as Report;
  assert.deepEqual(report.violations, []);
  assert.equal(status, 0);
  assert.deepEqual(Object.keys(report), [
    'days',
    'seeds',
    'events',
    'interruptions',
    'restores',
    'crashes',
    'faultsInjected',
    'violations',
    'daysPerSecond',
  ]);
  assert.equal(report.days, 2);
  assert.equal(report.seeds, 2);
  for (const figure of ['events', 'interruptions', 'restores', 'crashes', 'daysPerSecond']) {
    assert.ok(Number(report[figure]) > 0, figure);
  }
  assert.ok(Object.keys(report.faultsInjected as object).length > 5);
  assert.match(err, /^seeds 3\.\.4$/m);
});

test('random seeds follow one another from one that is printed', async () => {
  // What is found is not asked here: the seeds are random.
  const world = ['--days', '0.05', '--nodes', '1', '--workloads-per-day', '20', '--faults', 'none', '--no-shrink'];
  const { out, err } = await soak([...world, '--random-seeds', '3', '-o', 'json']);
  assert.equal((JSON.parse(out) as Report).seeds, 3);
  const [, first, last] = /^seeds (\d+)\.\.(\d+)$/m.exec(err) ?? [];
  assert.equal(Number(last) - Number(first), 2);
});

test('a violation is saved, told, and ends the command with 1, and so does its replay', async () => {
  const world = ['--days', '1', '--nodes', '3', '--workloads-per-day', '60', '--faults', 'none'];
  const found = await soak([...world, '--seeds', '1', '--no-shrink', '-o', 'json'], GUARD);
  assert.equal(found.status, 1, found.err);
  const [violation] = (JSON.parse(found.out) as Report).violations;
  assert.equal(violation?.seed, 1);
  assert.equal(violation?.invariant, 3);
  assert.match(violation?.message ?? '', /without a Ready checkpoint/);
  assert.match(found.err, /or: \.\/fermata soak --seeds 1 --days 1 --nodes 3 --workloads-per-day 60 --faults none/);

  const file = /--replay (\S+)$/.exec(violation?.replay ?? '')?.[1] ?? '';
  const again = await soak(['--replay', file, '-o', 'json'], GUARD);
  assert.equal(again.status, 1, again.err);
  assert.deepEqual((JSON.parse(again.out) as Report).violations[0]?.message, violation?.message);
  const mended = await soak(['--replay', file, '-o', 'json']);
  assert.equal(mended.status, 0, mended.err);
});
