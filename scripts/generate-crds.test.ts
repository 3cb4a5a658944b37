import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crdFiles } from './generate-crds.ts';

for (const { path, content } of crdFiles()) {
  test(`${path} is what the schemas say (else: node scripts/generate-crds.ts)`, () => {
    assert.equal(readFileSync(join(import.meta.dirname, '..', path), 'utf8'), content);
  });
}
