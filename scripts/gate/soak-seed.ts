import { createHash } from 'node:crypto';
import type { SourceFile } from './doors.ts';

/** Seeds are below: what `fermata soak --random-seeds` draws from. */
const SEEDS = 2 ** 31;

/**
 * The first random seed of the gate's soak: drawn from what is soaked instead of from the clock. Each change of the product
 * meets other seeds, and one and the same source the same ones on any machine: a red gate is run again to look into it, and
 * a green one stays green. `sources`: in any order; tests and what is not below `src/` do not count.
 */
export function firstSeed(sources: readonly SourceFile[]): number {
  const digest = createHash('sha256');
  const soaked = sources.filter(({ path }) => path.startsWith('src/') && !path.endsWith('.test.ts'));
  for (const { path, text } of soaked.sort((one, other) => (one.path < other.path ? -1 : 1))) {
    digest.update(`${path}\0${text}\0`);
  }
  return digest.digest().readUInt32BE() % SEEDS;
}
