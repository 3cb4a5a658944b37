import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CAPABILITY_NAMES, type Metrics } from '../../src/simulation/index.ts';
import { swfLine } from '../../src/simulation/testing.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
/** Four processors; the third line has no run time. */
const TRACE = [
  '; MaxProcs: 4',
  swfLine({ 1: 1, 2: 0, 4: 100, 5: 3, 6: 50, 9: 100, 12: 1 }),
  swfLine({ 1: 2, 2: 1, 4: -1, 5: 1, 12: 1 }),
  swfLine({ 1: 3, 2: 1, 4: 50, 5: 4, 9: 50, 12: 2 }),
  swfLine({ 1: 4, 2: 200, 4: 10, 5: 1, 9: 10, 12: 1 }),
].join('\n');

let folder = '';
let trace = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-simulate-'));
  trace = join(folder, 'trace.swf');
  writeFileSync(trace, TRACE);
});
after(() => rmSync(folder, { recursive: true }));

function simulate(...parameters: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'simulate', ...parameters], {
    encoding: 'utf8',
  });
}

test('simulate answers with one object a policy, its shares of capacity and window', () => {
  const { status, stdout, stderr } = simulate('--trace', trace, '--policy', 'fcfs,easy', '--output', 'json');
  assert.equal(status, 0, stderr);
  const [fcfs, easy] = JSON.parse(stdout) as Record<string, unknown>[];
  assert.deepEqual([fcfs?.policy, easy?.policy], ['fcfs', 'easy']);
  // 3 × 100 + 4 × 50 processor-seconds until 200, of 4 × 200; the first job used half of its own.
  assert.equal(fcfs?.utilizationAllocated, 500 / 800);
  assert.equal(fcfs?.goodput, 500 / 800);
  assert.equal(fcfs?.utilizationUsed, 350 / 800);
  assert.equal(fcfs?.windowSeconds, 200);
  assert.equal(fcfs?.jobs, 3);
  assert.equal(fcfs?.rejected, 1);
  assert.deepEqual(fcfs?.waitSeconds, { mean: 33, p50: 0, p95: 99, p99: 99 });
  for (const key of ['lostWork', 'overhead', 'preemptions', 'restores', 'migrations'])
    assert.equal(fcfs?.[key], 0, key);
  assert.equal(fcfs?.seed, 1);
  assert.equal(typeof fcfs?.eventsPerSecond, 'number');
  assert.match(stderr, /1 lines of the trace were rejected/);
  assert.match(stderr, /line 3: run time is negative: -1/);
});

test('a window of its own is printed beside the one of the submissions', () => {
  const { stdout } = simulate('--trace', trace, '--policy', 'fcfs', '--window', '0,100', '--output', 'json');
  const [fcfs] = JSON.parse(stdout) as Record<string, unknown>[];
  assert.equal(fcfs?.windowSeconds, 100);
  assert.equal(fcfs?.utilizationAllocated, 300 / 400);
  assert.deepEqual(fcfs?.window, { fromSeconds: 0, toSeconds: 100, firstSubmitSeconds: 0, lastSubmitSeconds: 200 });
});

test('jobs larger than the machine are named, and counted with the lines that became no job', () => {
  const { stdout, stderr } = simulate(
    '--trace',
    trace,
    '--processors',
    '3',
    '--policy',
    'easy,fermata',
    '--output',
    'json',
  );
  assert.match(stderr, /1 jobs were rejected, as they would never fit:\n {2}job 3: needs 4 processors of 3/);
  const rejected = (JSON.parse(stdout) as Record<string, unknown>[]).map((one) => one.rejected);
  assert.deepEqual(rejected, [2, 2]);
});

test('csv has a column for every number, and rejected lines go to a file', () => {
  const rejected = join(folder, 'rejected.txt');
  const { stdout } = simulate('--trace', trace, '--rejected', rejected, '--output', 'csv');
  const [header = '', row = ''] = stdout.trim().split('\n');
  assert.match(header, /^policy,jobs,rejected,windowSeconds,utilizationAllocated,/);
  assert.match(header, /waitSeconds\.p99/);
  assert.equal(header.split(',').length, row.split(',').length);
  assert.equal(readFileSync(rejected, 'utf8'), '3\trun time is negative: -1\n');
});

test('wrong use is said with the way out', () => {
  assert.match(simulate().stderr, /--trace FILE/);
  const unknown = simulate('--trace', trace, '--policy', 'lottery');
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /no scheduling policy "lottery".*fcfs, easy, conservative/s);
});

test('an ablation says what each capability brings: idle notebooks that are suspended hold less, and their users wait', () => {
  const work = ['--generate', 'research', '--generate-nodes', '2', '--generate-days', '2', '--generate-sessions', '20'];
  const { stdout, stderr } = simulate(...work, '--policy', 'kube', '--ablate', '--judge', '--output', 'json');
  const results = JSON.parse(stdout) as Metrics[];
  assert.deepEqual(
    results.map(({ policy }) => policy),
    ['kube', 'fermata', ...CAPABILITY_NAMES.map((name) => `fermata without ${name}`)],
  );
  const [, all] = results;
  const without = results.find(({ policy }) => policy === 'fermata without idle');
  assert.ok(all !== undefined && without !== undefined, stderr);
  assert.ok(all.heldIdle < without.heldIdle - 0.1, `${all.heldIdle} of ${without.heldIdle}`);
  assert.ok(all.idleSuspensions > 100 && without.idleSuspensions === 0);
  assert.ok((all.wakeSeconds?.p95 ?? 0) > (all.wakeSeconds?.p50 ?? Infinity));
  assert.equal(without.wakeSeconds, null);
  assert.equal(all.traffic.dump.length, 48);
});
