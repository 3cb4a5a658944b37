import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('docs/dependencies.md has a row for every package of package.json, and no other, and every version is exact', async () => {
  const page = await readFile(join(ROOT, 'docs/dependencies.md'), 'utf8');
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'optionalDependencies' | 'devDependencies',
    Record<string, string>
  >;
  const packages = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };
  const npmPart = page.slice(0, page.indexOf('## From Debian'));
  const listed = npmPart
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| need'))
    .flatMap((line) => [...(line.split('|')[2] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]));
  assert.deepEqual(listed.toSorted(), Object.keys(packages).toSorted());
  for (const [name, version] of Object.entries(packages)) assert.match(version, /^\d+\.\d+\.\d+$/, name);
});

test('the installers name no package that the page leaves out', async () => {
  const page = await readFile(join(ROOT, 'docs/dependencies.md'), 'utf8');
  const script = await readFile(join(ROOT, 'install/containers.sh'), 'utf8');
  const wanted = [...script.matchAll(/^(?:\[.*\|\| )?want \S+ (\S+)$/gm)].map((match) => match[1] ?? '');
  assert.ok(wanted.length >= 9);
  for (const name of wanted) assert.ok(page.includes(`\`${name}\``), name);
});
