import { faultRates, Judge, World } from '../../src/soak/testing.ts';
import { GUARDS } from './guards.ts';

/**
 * Lives a few days of a small cluster, in the process from which `take-out.ts` has taken a guard, until the judge finds
 * what that guard prevents. Prints one line of JSON.
 */
const guard = GUARDS[process.env.FERMATA_TEST_GUARD ?? ''];
if (guard === undefined) throw new Error('FERMATA_TEST_GUARD names no guard');
const { days, seed = 1, rates, nodes = 3, workloadsPerDay = 60 } = guard.world;
const judge = new Judge();
let begin: number | undefined;
let judged = 0;
const listener = (entry: Parameters<Judge['observe']>[0]): void => {
  begin ??= entry.at;
  judge.observe(entry);
  const found = judge.violations();
  for (; judged < found.length; judged++) {
    const violation = found[judged];
    if (violation === undefined || !guard.finds.invariants.includes(violation.invariant)) continue;
    if (!guard.finds.message.test(violation.message)) continue;
    tell({ found: violation, afterDays: (entry.at - begin) / 86_400_000 });
  }
};
await new World(
  { seed, days, nodes, workloadsPerDay, rates: { ...faultRates('none', 0), ...rates } },
  { listeners: [listener] },
).run();
tell({ found: undefined, others: judge.violations().slice(0, 5) });

function tell(result: object): never {
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exit();
}
