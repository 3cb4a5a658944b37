import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { seededRandom } from '../../src/clock/index.ts';
import { findFiles } from '../gate/source-files.ts';
import { type Mutant, mutantsOf, sampleOf } from './mutate.ts';
import type { TrialOrder, TrialOutcome } from './trial.ts';

/**
 * Seeds faults into the interruption planner, one at a time, and runs its tests against each: how many are caught says what
 * the tests are worth. `node scripts/mutation/index.ts [--file PART] [--sample N] [--seed N] [--timeout SECONDS]
 * [--threads N]`.
 * Exits with 1 when fewer than 90 % are caught.
 */
const PLANNER = ['src/scheduling/interruption/*.ts'];
const TESTS = [
  'src/scheduling/interruption/**/*.test.ts',
  'src/scheduling/plugins/restore-pacing.test.ts',
  'src/scheduling/plugins/checkpoint-locality.test.ts',
  'src/scheduling/engine*.test.ts',
];
const WANTED = 0.9;

const { values } = parseArgs({
  options: {
    file: { type: 'string', default: '' },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    timeout: { type: 'string', default: '120' },
    threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
  },
});
const root = new URL('../../', import.meta.url).pathname;
const urlOf = (path: string): string => pathToFileURL(`${root}${path}`).href;
const timeoutMilliseconds = Number(values.timeout) * 1000;

/** What a file's own tests find need not be looked for in all others. */
function ownFirst(mutant: Mutant | undefined, tests: readonly string[]): string[] {
  const stem = mutant === undefined ? '' : mutant.file.replace(/\.ts$/, '.');
  const isOwn = (path: string): number => Number(mutant !== undefined && path.startsWith(stem));
  return [...tests].sort((one, other) => isOwn(other) - isOwn(one));
}

/** `timed out` counts as caught: the fault keeps the planner from coming to an end. */
function tryOut(mutant: Mutant | undefined, tests: readonly string[]): Promise<TrialOutcome> {
  const order: TrialOrder = {
    mutant: mutant === undefined ? undefined : { url: urlOf(mutant.file), source: mutant.source },
    tests: ownFirst(mutant, tests).map(urlOf),
  };
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./trial.ts', import.meta.url), {
      workerData: order,
      stdout: true,
      stderr: true,
    });
    const end = (outcome: TrialOutcome): void => {
      clearTimeout(timer);
      void worker.terminate();
      resolve(outcome);
    };
    const timer = setTimeout(() => end({ failed: 'timed out', tests: 0 }), timeoutMilliseconds);
    worker.once('message', end);
    worker.once('error', (error) => end({ failed: String(error), tests: 0 }));
  });
}

const sources = (await findFiles(root, PLANNER)).filter(
  (path) => !/\.test\.ts$|\/testing/.test(path) && path.includes(values.file),
);
const found: Mutant[] = [];
for (const path of sources) found.push(...mutantsOf(path, await readFile(`${root}${path}`, 'utf8')));
const random = seededRandom(Number(values.seed));
const mutants = sampleOf(found, values.sample === undefined ? Infinity : Number(values.sample), random);
// Tables first: most faults show there, and they take no time.
const tests = (await findFiles(root, TESTS)).sort(
  (one, other) => Number(one.includes('.properties.')) - Number(other.includes('.properties.')),
);

const sound = await tryOut(undefined, tests);
if (sound.failed !== undefined) {
  process.stderr.write(`Without any fault a test fails: ${sound.failed}\n`);
  process.exit(2);
}
process.stdout.write(`${mutants.length} of ${found.length} faults in ${sources.length} files, ${sound.tests} tests\n`);

const survivors: Mutant[] = [];
let next = 0;
async function work(): Promise<void> {
  for (let mutant = mutants[next++]; mutant !== undefined; mutant = mutants[next++]) {
    const { failed } = await tryOut(mutant, tests);
    if (failed !== undefined) continue;
    survivors.push(mutant);
    process.stdout.write(`survived: ${mutant.file}:${mutant.line} ${mutant.what}\n`);
  }
}
await Promise.all(Array.from({ length: Number(values.threads) }, work));
const caught = mutants.length - survivors.length;
const share = mutants.length === 0 ? 1 : caught / mutants.length;
process.stdout.write(`caught ${caught} of ${mutants.length} (${(share * 100).toFixed(1)} %)\n`);
process.exitCode = share >= WANTED ? 0 : 1;
