import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DEFAULT_PROFILE } from '../src/scheduling/index.ts';

const page = readFileSync(new URL('../docs/scheduling-plugins.md', import.meta.url), 'utf8');

/** Rows of the table: name and, where it scores, weight. */
function rows(): string[] {
  return [...page.matchAll(/^\| `(\w+)`(?: \((\d+)\))? \|/gm)].map(([, name, weight]) =>
    `${name} ${weight ?? ''}`.trim(),
  );
}

test('docs/scheduling-plugins.md: the table is the default profile, in its order, but for our own plugins', () => {
  const own = new Set(
    [...(page.split("Fermata's own")[1]?.split('\n\n')[0] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name),
  );
  const profile = DEFAULT_PROFILE.plugins
    .filter(({ name }) => !own.has(name))
    .map(({ name, weight }) => `${name} ${weight ?? ''}`.trim());
  assert.deepEqual(rows(), profile);
});
