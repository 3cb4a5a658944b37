import assert from 'node:assert/strict';
import { test } from 'node:test';
import { render, table } from './output.ts';

test('a table aligns its columns and leaves no space at the end of a line', () => {
  assert.equal(
    table(
      ['NAME', 'AGE'],
      [
        ['a-long-name', '3s'],
        ['b', ''],
      ],
    ),
    'NAME          AGE\na-long-name   3s\nb\n',
  );
});

test('a cell of several lines is continued in its column', () => {
  assert.equal(table(['A', 'B'], [['x', '1\n2']]), 'A   B\nx   1\n    2\n');
});

test('results are rendered as JSON and YAML, with a final newline', async () => {
  const shared = { a: 1 };
  assert.equal(await render({ x: shared }, 'json'), '{\n  "x": {\n    "a": 1\n  }\n}\n');
  assert.equal(await render({ x: shared, y: shared }, 'yaml'), 'x:\n  a: 1\ny:\n  a: 1\n');
});
