import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logText } from './log-text.ts';

test('an entry for people is one line, whatever its fields hold', () => {
  const entry = { time: '2026-01-01T00:00:00.000Z', level: 'info', role: 'scheduler', msg: 'bound' };
  assert.equal(
    logText({ ...entry, pod: 'team/a', reason: 'line one\nline "two"', failures: 3, key: { name: 'x' } }),
    '2026-01-01T00:00:00.000Z INFO  scheduler bound pod=team/a reason="line one\\nline \\"two\\"" failures=3 key={"name":"x"}\n',
  );
});
