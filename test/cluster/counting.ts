import assert from 'node:assert/strict';
import type { Ground } from './ground.ts';

/** A command that does nothing for so long. */
export const sleeping = (seconds: number): string[] => ['sh', '-c', `sleep ${seconds}`];

/** It has begun to count, and everything up to there stands in its file. */
export async function counting(ground: Ground, name: string): Promise<void> {
  await ground.until(`${name} counts`, async () => ((await ground.steps(name)).at(-1) ?? 0) >= 10);
}

/** It counts on beyond `steps`. */
export async function countsOn(ground: Ground, name: string, steps: readonly number[]): Promise<void> {
  await ground.until(
    `${name} counts on`,
    async () => ((await ground.steps(name)).at(-1) ?? 0) > (steps.at(-1) ?? 0) + 10,
  );
  assertEachOnce(await ground.steps(name));
}

/** Each number once, in order: `n=1`, `n=2`, then every fifth. */
function assertEachOnce(steps: readonly number[]): void {
  const last = steps.at(-1) ?? 0;
  const want = Array.from({ length: last }, (_, index) => index + 1).filter((n) => n < 3 || n % 5 === 0);
  assert.deepEqual(steps, want);
}
