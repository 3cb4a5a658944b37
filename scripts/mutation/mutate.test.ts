import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/clock/index.ts';
import { mutantsOf, sampleOf } from './mutate.ts';

const changes = (line: string): string[] => mutantsOf('x.ts', line).map(({ source }) => source);

test('operators between spaces are turned over, one at a time', () => {
  assert.deepEqual(changes('const c = a < b && d === e;'), [
    'const c = a <= b && d === e;',
    'const c = a < b && d !== e;',
    'const c = a < b || d === e;',
  ]);
});

test('a guard is removed, and taken always, as a whole', () => {
  assert.ok(changes('  if (a || b(c)) continue;').includes('  if (false && (a || b(c))) continue;'));
  assert.ok(changes('  if (a || b(c)) continue;').includes('  if (true || (a || b(c))) continue;'));
  assert.ok(changes("  if (a === ')') return;").includes("  if (false && (a === ')')) return;"));
});

test('calls for their effect are removed, orders turned round, constants changed', () => {
  assert.deepEqual(changes('    this.#changes.podChanged(uid);'), ['    ;']);
  assert.ok(changes('  one.cost - other.cost').includes('  other.cost - one.cost'));
  assert.deepEqual(changes('  return Infinity;'), ['  return 0;']);
  assert.deepEqual(changes('  return Math.max(a, b);'), ['  return Math.min(a, b);']);
});

test('comments, strings, imports and types are left alone', () => {
  for (const line of [
    '// a < b',
    ' * a < b',
    "const x = 'a < b';",
    'const x = `a < b`;',
    "import { a } from 'b';",
    'export interface A {',
    '  readonly a: true;',
    'const x: Map<string, number> = y; // true',
    '  if (all.size === 0) return undefined; // speed',
    '  for (let index = 0; index < all.length; index++) {',
    '  for (; index < all.length; index++) {',
  ]) {
    assert.deepEqual(changes(line), [], line);
  }
});

test('a mutant says where it is', () => {
  const [mutant] = mutantsOf('x.ts', 'let a;\nconst c = a < b;');
  assert.deepEqual([mutant?.file, mutant?.line, mutant?.what], ['x.ts', 2, '< → <=']);
});

test('a sample has the wanted size, and everything gets into one', () => {
  const items = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const seen = new Set<number>();
  for (let seed = 1; seed <= 20; seed++) {
    const sample = sampleOf(items, 5, seededRandom(seed));
    assert.equal(new Set(sample).size, 5);
    for (const item of sample) seen.add(item);
  }
  assert.equal(seen.size, items.length);
  assert.deepEqual(
    sampleOf([1, 2], 9, () => 0.999),
    [1, 2],
  );
});
