import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');

/** Codes given to FermataError in the source, directly as its first argument. */
function codesInSource(): Set<string> {
  const codes = new Set<string>();
  for (const pattern of ['src/**/*.ts', 'bench/**/*.ts']) {
    for (const file of globSync(pattern, { cwd: ROOT })) {
      if (file.endsWith('.test.ts')) continue;
      const text = readFileSync(join(ROOT, file), 'utf8');
      // The first argument may choose between two codes.
      for (const call of text.matchAll(/(?:new FermataError|super)\(\s*([^,)]*)/g)) {
        for (const code of (call[1] ?? '').matchAll(/'([A-Z][A-Za-z]+)'/g)) codes.add(code[1] ?? '');
      }
    }
  }
  return codes;
}

function codesInDocs(): Set<string> {
  const text = readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8');
  return new Set([...text.matchAll(/^\| `([A-Za-z]+)` \|/gm)].map((match) => match[1] ?? ''));
}

test('every error code in the source is in docs/errors.md', () => {
  const documented = codesInDocs();
  assert.ok(documented.size > 20);
  assert.deepEqual([...codesInSource()].filter((code) => !documented.has(code)).sort(), []);
});

test('every error code in docs/errors.md is in the source', () => {
  const raised = codesInSource();
  assert.deepEqual([...codesInDocs()].filter((code) => !raised.has(code)).sort(), []);
});
