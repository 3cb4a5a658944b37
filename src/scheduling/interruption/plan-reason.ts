import type { PlanOrder, PlanRank } from './plan-order.ts';
import { costOrder } from './plan-order.ts';

/** What plans are compared by, in words; `show` is the number behind it. */
interface Criterion {
  readonly key: keyof PlanRank;
  readonly words: string;
  readonly show: (rank: PlanRank) => string;
}

const VIOLATIONS: Criterion = {
  key: 'pdbViolations',
  words: 'fewer disruption budgets violated',
  show: ({ pdbViolations }) => String(pdbViolations),
};
const HIGHEST: Criterion = {
  key: 'highestVictimPriority',
  words: 'a lower highest victim priority',
  show: ({ highestVictimPriority }) => String(highestVictimPriority),
};
const COST: Criterion = {
  key: 'cost',
  words: 'a lower cost in node-seconds',
  show: ({ cost }) => cost.toFixed(3),
};
const SUM: Criterion = { key: 'prioritySum', words: 'a smaller sum of victim priorities', show: () => '' };
const COUNT: Criterion = {
  key: 'victimCount',
  words: 'fewer victims',
  show: ({ victimCount }) => String(victimCount),
};
const START: Criterion = { key: 'earliestStart', words: 'victims that began later', show: () => '' };

const BY_COST = [VIOLATIONS, HIGHEST, COST, SUM, COUNT, START];
const UPSTREAM = [VIOLATIONS, HIGHEST, SUM, COUNT, START];

/** ` Taken before node n2 for a lower cost in node-seconds (0.5 against 1.2).`, or '' when there was no other. */
export function reasonToTake(best: PlanRank, second: PlanRank | undefined, order: PlanOrder): string {
  if (second === undefined) return '';
  for (const { key, words, show } of order === costOrder ? BY_COST : UPSTREAM) {
    if (best[key] === second[key]) continue;
    const numbers = show(best) === '' ? '' : ` (${show(best)} against ${show(second)})`;
    return ` Taken before node ${second.nodeName} for ${words}${numbers}.`;
  }
  return ` Equal to node ${second.nodeName}, taken by name.`;
}
