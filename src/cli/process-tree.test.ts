import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inTreeOrder, type TreeProcess } from './process-tree.ts';

function drawn(processes: readonly TreeProcess[]): string[] {
  return [...inTreeOrder(processes)].map(({ process: { pid }, depth }) => `${'  '.repeat(depth)}${pid}`);
}

const cases: Record<string, [tree: [pid: number, parent: number][], want: string[]]> = {
  'children stand below their parents, in their order': [
    [
      [1, 0],
      [7, 1],
      [9, 1],
      [8, 7],
    ],
    ['1', '  7', '    8', '  9'],
  ],
  'one whose parent was not dumped is at the top': [
    [
      [5, 3],
      [6, 5],
    ],
    ['5', '  6'],
  ],
  'one that is its own parent is told once': [[[0, 0]], ['0']],
  'a circle is told once, from its first': [
    [
      [1, 0],
      [2, 3],
      [3, 2],
    ],
    ['1', '2', '  3'],
  ],
};

for (const [sentence, [tree, want]] of Object.entries(cases)) {
  test(`a tree of processes: ${sentence}`, () => {
    assert.deepEqual(drawn(tree.map(([pid, parent]) => ({ pid, parent }))), want);
  });
}

test('whatever their numbers and parents, each process is told exactly once', () => {
  const processes = fc.array(fc.record({ pid: fc.nat(6), parent: fc.nat(6) }), { maxLength: 12 });
  fc.assert(fc.property(processes, (some) => assert.equal([...inTreeOrder(some)].length, some.length)));
});
