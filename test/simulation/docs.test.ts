import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CAPABILITY_NAMES, policyNames, TRACE_FORMATS } from '../../src/simulation/index.ts';
import { swfLine } from '../../src/simulation/testing.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DOCS = readFileSync(join(ROOT, 'docs', 'simulation.md'), 'utf8');

test('every command in docs/simulation.md runs', { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-simulation-docs-'));
  try {
    const lines = Array.from({ length: 30 }, (_, index) => swfLine({ 1: index, 2: index * 10, 4: 60, 5: 4, 9: 90 }));
    writeFileSync(join(folder, 'log.swf.gz'), ['; MaxProcs: 8', ...lines].join('\n'));
    const commands = [...DOCS.matchAll(/```sh\n([\s\S]*?)```/g)]
      .flatMap(([, block = '']) => block.replaceAll('\\\n', ' ').trim().split('\n'))
      .filter((command) => command.startsWith('./fermata'));
    assert.equal(commands.length, 4);
    for (const command of commands) {
      const own = `${process.execPath} --disable-warning=ExperimentalWarning ${join(ROOT, 'src', 'cli', 'main.ts')}`;
      const { status, stderr } = spawnSync('sh', ['-c', command.replace('./fermata', own)], {
        cwd: folder,
        encoding: 'utf8',
      });
      assert.equal(status, 0, `${command}: ${stderr}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('docs/simulation.md has every policy, capability and format, and no other', () => {
  const rowsUnder = (heading: string): string[] => {
    const section = DOCS.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
    return [...section.matchAll(/^\| `([\w-]+)` \|/gm)].map((match) => match[1] ?? '');
  };
  assert.deepEqual(rowsUnder('Policies').sort(), [...policyNames(), ...CAPABILITY_NAMES].sort());
  assert.deepEqual(rowsUnder('Traces').sort(), Object.keys(TRACE_FORMATS).sort());
});
