import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GUARDS } from './guards.ts';

/** The judge is judged: with a guard of the product taken out, a few days of a small cluster must betray it. */

const run = promisify(execFile);
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

describe('without a guard the judge finds that', { concurrency: 2 }, () => {
  for (const [name, { world }] of Object.entries(GUARDS)) {
    test(`${name} (within ${world.days} days)`, { timeout: 120_000 }, async () => {
      const { stdout } = await run(process.execPath, ['--import', path('take-out.ts'), path('sabotaged-world.ts')], {
        env: { ...process.env, FERMATA_TEST_GUARD: name },
      });
      const { found, others } = JSON.parse(stdout) as { found?: object; others?: object[] };
      assert.ok(found, `nothing was found but ${JSON.stringify(others)}`);
    });
  }
});
