import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { REGRESSIONS } from './regressions.ts';

const run = promisify(execFile);
const world = fileURLToPath(new URL('small-world.ts', import.meta.url));

describe('as it was found and mended,', { concurrency: 2 }, () => {
  for (const [name, { found }] of Object.entries(REGRESSIONS)) {
    test(name, { timeout: 120_000 }, async () => {
      const { stdout } = await run(process.execPath, [world], {
        env: { ...process.env, FERMATA_TEST_REGRESSION: name },
      });
      const { entries, violations } = JSON.parse(stdout) as { entries: number; violations: object[] };
      assert.ok(entries > 100, 'something happened in that world');
      assert.deepEqual(violations, [], `once more: ${found}`);
    });
  }
});
