import { faultRates, type HistoryListener, Judge, type Violation, World } from '../../src/soak/testing.ts';
import { GUARDS } from './guards.ts';

/**
 * Lives a few days of a small cluster, in the process from which `take-out.ts` has taken a guard, until the judge finds
 * what that guard prevents. What a seed means changes with the product, so a few are tried. Prints one line of JSON.
 */
const SEEDS = 6;

const guard = GUARDS[process.env.FERMATA_TEST_GUARD ?? ''];
if (guard === undefined) throw new Error('FERMATA_TEST_GUARD names no guard');
const { days, seed: first = 1, rates, nodes = 3, workloadsPerDay = 60, groups = false, gangs = false } = guard.world;
const { invariants, message } = guard.finds;
const others: Violation[] = [];
for (let seed = first; seed < first + SEEDS; seed++) {
  const judge = new Judge();
  let begin: number | undefined;
  let judged = 0;
  const listener: HistoryListener = (entry) => {
    begin ??= entry.at;
    judge.observe(entry);
    for (const violation of judge.violations().slice(judged)) {
      judged++;
      if (!invariants.includes(violation.invariant) || !message.test(violation.message)) others.push(violation);
      else tell({ found: violation, seed, afterDays: (entry.at - begin) / 86_400_000 });
    }
  };
  const options = { seed, days, nodes, workloadsPerDay, groups, gangs, rates: { ...faultRates('none', 0), ...rates } };
  await new World(options, { listeners: [listener] }).run();
}
tell({ found: undefined, others: others.slice(0, 5) });

function tell(result: object): never {
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exit();
}
