import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deployFiles } from './generate-deploy.ts';

const ROOT = join(import.meta.dirname, '..');

for (const { path, content } of deployFiles()) {
  test(`${path} is as the source says (else: node scripts/generate-deploy.ts)`, () => {
    assert.equal(readFileSync(join(ROOT, path), 'utf8'), content);
  });
}

test('no manifest is left over that the source says nothing of', () => {
  const known = new Set(deployFiles().map(({ path }) => path));
  const found = ['deploy/manifests/*', 'deploy/helm/fermata/templates/*'].flatMap((glob) =>
    globSync(glob, { cwd: ROOT }),
  );
  assert.deepEqual(
    found.filter((path) => !known.has(path)),
    [],
  );
});
