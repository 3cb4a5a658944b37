import { faultRates, Judge, ProcessKilled, World } from '../../src/soak/testing.ts';
import { REGRESSIONS } from './regressions.ts';

/** Lives the world of one regression, in a process of its own: one that loops for ever can be ended. Prints one line of JSON. */
const world = REGRESSIONS[process.env.FERMATA_TEST_REGRESSION ?? '']?.world;
if (world === undefined) throw new Error('FERMATA_TEST_REGRESSION names no regression');
// What a killed process of the world had begun breaks off in it.
process.on('unhandledRejection', (error) => {
  if (!(error instanceof ProcessKilled)) throw error;
});
const judge = new Judge();
const { seed = 1, nodes = 3, workloadsPerDay = 60, groups = false, gangs = false, days, rates } = world;
const options = { seed, days, nodes, workloadsPerDay, groups, gangs, rates: { ...faultRates('none', 0), ...rates } };
const { violations, entries } = await new World(options, { listeners: [(entry) => judge.observe(entry)] }).run();
process.stdout.write(`${JSON.stringify({ entries, violations: [...judge.violations(), ...violations] })}\n`);
process.exit();
