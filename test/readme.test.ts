import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { kubectlBinaries } from './kubectl-binaries.ts';

const ROOT = join(import.meta.dirname, '..');
const run = promisify(execFile);

/** The `sh` blocks of a page, in order. */
function blocks(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
}

/** Runs a block as a reader would, in one shell from the top of the clone; resolves with all it printed. */
function shell(
  script: string,
  environment: Record<string, string>,
): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-e', '-c', script], { cwd: ROOT, env: { ...process.env, ...environment } });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => (output += part));
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}

async function newestKubectl(): Promise<string> {
  const newest = (await kubectlBinaries()).at(-1);
  assert.ok(newest !== undefined && 'path' in newest, JSON.stringify(newest));
  return newest.path;
}

test('the two commands of the README are the demo, and this gate', () => {
  assert.deepEqual(blocks('README.md')[0]?.trim().split('\n'), ['./fermata demo', './fermata test']);
});

test('the demo prints what the README shows, and its JSON says that nothing was lost', {
  timeout: 240_000,
}, async () => {
  const { stdout, stderr } = await run(join(ROOT, 'fermata'), ['demo', '--output', 'json'], { maxBuffer: 1024 ** 2 });
  const result = JSON.parse(stdout);
  assert.deepEqual(
    {
      runtime: result.runtime,
      lost: result.victim.stepsLost,
      doubled: result.victim.stepsDoubled,
      completed: result.victim.completed,
      next: result.victim.firstStepAfterRestore - result.victim.stepsBeforeDump,
      violations: result.invariantViolations,
    },
    { runtime: 'podman', lost: 0, doubled: 0, completed: true, next: 1, violations: 0 },
  );
  assert.ok(result.killed.stepsLost > 0, 'killing loses what checkpointing keeps');
  assert.deepEqual(Object.keys(result), [
    'runtime',
    'preemptor',
    'victim',
    'checkpoint',
    'killed',
    'invariantViolations',
  ]);
  assert.deepEqual(Object.keys(result.checkpoint), ['sizeBytes', 'frozenMicroseconds', 'dumpMs', 'restoreMs']);
  // The same sentences as in the page, whatever the figures of this machine are.
  const shown =
    /<!-- demo output: begin -->\n```\n([\s\S]*?)```\n<!-- demo output: end -->/.exec(
      readFileSync(join(ROOT, 'README.md'), 'utf8'),
    )?.[1] ?? '';
  const words = (text: string): string[] =>
    text
      .split('\n')
      .filter((line) => /^(Runtime|urgent pod|interrupted|steps|checkpoint|killed|invariants)/.test(line))
      .map((line) => line.replaceAll(/\d+(\.\d+)?/g, '#'));
  assert.ok(words(shown).length >= 8);
  assert.deepEqual(words(shown), words(stderr));
});

test('the tour with kubectl runs as written', { timeout: 240_000 }, async () => {
  const tour = blocks('README.md')[1] ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'fermata-test-readme-'));
  const directory = join(folder, 'sandbox');
  const script = tour.replaceAll('/tmp/fermata-tour', directory);
  try {
    symlinkSync(await newestKubectl(), join(folder, 'kubectl'));
    const { status, output } = await shell(script, { PATH: `${folder}:${process.env.PATH ?? ''}` });
    assert.equal(status, 0, output);
    assert.match(output, /pod\/counter .*Suspended/);
    assert.match(output, /made room for pod default\/urgent on node node-1/);
    const steps = [...output.matchAll(/^step (\d+)$/gm)].map((match) => Number(match[1]));
    assert.deepEqual(
      steps,
      Array.from({ length: steps.length }, (_, index) => index + 1),
      'each step once, in order',
    );
  } finally {
    await run(join(ROOT, 'fermata'), ['down', '--dir', directory]).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
});

test('kubectl fermata is the same command', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-test-plugin-'));
  try {
    symlinkSync(join(ROOT, 'kubectl-fermata'), join(folder, 'kubectl-fermata'));
    const { stdout } = await run(await newestKubectl(), ['fermata', '--version'], {
      env: { ...process.env, PATH: `${folder}:${process.env.PATH ?? ''}` },
    });
    const version: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
    assert.equal(stdout.trim(), version);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
