import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { StageContext } from './stage.ts';
import { testStage } from './tests.ts';

let root: string;
const said: string[] = [];

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'fermata-gate-'));
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
});
after(() => rm(root, { recursive: true, force: true }));

const HEAD = "import { test, describe, it, after } from 'node:test';\nimport assert from 'node:assert/strict';\n";

interface Case {
  files: Record<string, string>;
  isolation?: 'none' | 'process';
  beside?: string[];
  want: { passed: number; failed: number; skipped: number };
  wantFailure?: RegExp;
  timeoutMilliseconds?: number;
  filters?: string[];
}

const CASES: Readonly<Record<string, Case>> = {
  'counts passed, failed and skipped tests, not suites': {
    files: {
      'a.test.ts': `${HEAD}test('good', () => { process.stdout.write('half a line'); });
        test('bad', () => assert.equal(1, 2));
        test('absent', { skip: 'no podman' }, () => {});
        describe('suite', () => { it('inner', () => {}); });`,
      'b.test.ts': `${HEAD}test('other', () => {});`,
    },
    want: { passed: 3, failed: 1, skipped: 1 },
    wantFailure: /^a\.test\.ts:4 bad\n.*Expected values to be strictly equal/,
  },
  'counts the same when every file has a process of its own': {
    files: {
      'a.test.ts': `${HEAD}test('good', () => {}); test('bad', () => assert.equal(1, 2));`,
      'b.test.ts': `${HEAD}test('other', () => {});`,
    },
    isolation: 'process',
    want: { passed: 2, failed: 1, skipped: 0 },
    wantFailure: /a\.test\.ts:3 bad/,
  },
  'counts a hook that throws as a failed test': {
    files: {
      'a.test.ts': `${HEAD}describe('suite', () => { it('inner', () => {}); after(() => { throw new Error('hook'); }); });`,
    },
    want: { passed: 1, failed: 1, skipped: 0 },
    wantFailure: /hook/,
  },
  'counts a process that ends in the middle as a failed test': {
    files: {
      'a.test.ts': `${HEAD}test('good', () => {});`,
      'b.test.ts': `${HEAD}console.log('last words'); process.exit(3);`,
    },
    want: { passed: 0, failed: 1, skipped: 0 },
    wantFailure: /ended early \(status 3\).*last words/s,
  },
  'counts a file that crashes in its own process as a failed test': {
    files: { 'a.test.ts': `${HEAD}test('good', () => {});`, 'b.test.ts': "import './absent.ts';" },
    isolation: 'process',
    want: { passed: 1, failed: 1, skipped: 0 },
    wantFailure: /^b\.test\.ts ended before its tests did\n.*Cannot find module/s,
  },
  'fails a stage that runs past its time': {
    files: { 'a.test.ts': `${HEAD}test('endless', async () => { await new Promise((r) => setTimeout(r, 60_000)); });` },
    timeoutMilliseconds: 700,
    want: { passed: 0, failed: 1, skipped: 0 },
    wantFailure: /not done after 0\.7 s/,
  },
  'runs some files beside the others and counts both': {
    files: {
      'a.test.ts': `${HEAD}import { existsSync } from 'node:fs';
        test('sees the other under way', async () => {
          while (!existsSync(new URL('begun', import.meta.url))) await new Promise((r) => setTimeout(r, 50));
        });`,
      'b.test.ts': `${HEAD}import { writeFileSync } from 'node:fs';
        test('begins', () => writeFileSync(new URL('begun', import.meta.url), ''));
        test('bad', () => assert.fail());`,
    },
    isolation: 'process',
    beside: ['**/b.test.ts'],
    want: { passed: 2, failed: 1, skipped: 0 },
    wantFailure: /b\.test\.ts:5 bad/,
  },
  'runs only the files that are asked for': {
    files: { 'a.test.ts': `${HEAD}test('a', () => {});`, 'b.test.ts': `${HEAD}test('b', () => assert.fail());` },
    filters: ['a.test'],
    want: { passed: 1, failed: 0, skipped: 0 },
  },
};

let number = 0;
for (const [sentence, { files, want, wantFailure, ...options }] of Object.entries(CASES)) {
  test(`the test stage ${sentence}`, async () => {
    number += 1;
    const folder = join(root, `case-${number}`);
    await mkdir(folder);
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const stage = testStage({
      name: 'unit',
      patterns: ['**/*.test.ts'],
      isolation: options.isolation ?? 'none',
      beside: options.beside ?? [],
      testTimeoutMilliseconds: 30_000,
      timeoutMilliseconds: options.timeoutMilliseconds ?? 30_000,
    });
    const result = await stage.run(context(folder, options.filters ?? []));
    const { passed, failed, skipped } = result;
    assert.deepEqual({ passed, failed, skipped }, want, result.failures.join('\n'));
    if (wantFailure !== undefined) assert.match(result.failures.join('\n'), wantFailure);
  });
}

test('the test stage without files has nothing to count', async () => {
  const stage = testStage({
    name: 'unit',
    patterns: ['none/*.ts'],
    isolation: 'none',
    testTimeoutMilliseconds: 1,
    timeoutMilliseconds: 1,
  });
  const result = await stage.run(context(root, []));
  assert.deepEqual(result, { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] });
});

function context(folder: string, filters: string[]): StageContext {
  return {
    root: folder,
    runFolder: folder,
    runId: 'gate-of-the-gate',
    filters,
    signal: new AbortController().signal,
    say: (line) => said.push(line),
  };
}
