import { runSeed, type SeedRun } from '../../src/soak/index.ts';

/** Runs the worlds given as JSON, one after the other, and prints the digest of the last one's history. */
const runs = JSON.parse(process.argv[2] ?? '[]') as SeedRun[];
// Promises of processes that were killed stay open or are given up, as with the soak's own threads.
process.on('unhandledRejection', (error: unknown) => {
  if (!(error instanceof Error && error.name === 'ProcessKilled')) throw error;
});
let digest: string | undefined;
let events = 0;
for (const run of runs) ({ digest, events } = await runSeed(run, { digest: true }));
process.stdout.write(JSON.stringify({ digest, events }));
