import type { Violation } from './history.ts';
import type { SeedResult, SeedRun } from './run-seed.ts';

export interface ShrinkOptions {
  /** Runs to spend. Default 120. */
  budget?: number;
  /** Called before each run with how much is left. */
  onTry?: (state: { tries: number; days: number; workloads: number; faults: number }) => void;
}

const DAY = 86_400_000;
/** How long before a violation a run has to begin is not known; how long after it may end is: not at all, but for rounding. */
const AFTER_MILLISECONDS = 60_000;

/**
 * The smallest run found that still breaks the same promise in the same way: fewer days, fewer workloads, fewer faults
 * (delta debugging, A. Zeller and R. Hildebrandt, 2002).
 */
export async function shrink(
  failed: SeedResult,
  attempt: (run: SeedRun) => Promise<SeedResult>,
  options: ShrinkOptions = {},
): Promise<SeedResult> {
  const { budget = 120, onTry = () => undefined } = options;
  const [violation] = failed.violations;
  if (violation === undefined) return failed;
  const kind = kindOf(violation);
  let best = failed;
  let tries = 0;
  const fails = async (run: SeedRun): Promise<boolean> => {
    if (tries >= budget) return false;
    tries++;
    const { stopAfterDays = run.days, onlyWorkloads, onlyFaults } = run;
    const workloads = onlyWorkloads?.length ?? workloadsOf(run).length;
    onTry({ tries, days: stopAfterDays, workloads, faults: onlyFaults?.length ?? best.injected.length });
    const result = await attempt(run);
    if (!result.violations.some((one) => kindOf(one) === kind)) return false;
    best = result;
    return true;
  };
  await fails({ ...failed.run, stopAfterDays: daysUntil(violation, failed) });
  await fails({ ...best.run, onlyFaults: [] });
  for (let before = Number.POSITIVE_INFINITY; sizeOf(best) < before && tries < budget; ) {
    before = sizeOf(best);
    const workloads = best.run.onlyWorkloads ?? workloadsOf(best.run);
    await smallest(workloads, (onlyWorkloads) => fails({ ...best.run, onlyWorkloads }));
    const faults = best.run.onlyFaults ?? best.injected.map(({ id }) => id);
    await smallest(faults, (onlyFaults) => fails({ ...best.run, onlyFaults }));
    const [first] = best.violations;
    if (first !== undefined) await fails({ ...best.run, stopAfterDays: daysUntil(first, best) });
  }
  return best;
}

/** Leaves out ever smaller parts of the list as long as what is left still fails. */
export async function smallest<T>(
  list: readonly T[],
  fails: (part: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let rest = list;
  for (let parts = 2; rest.length > 0; ) {
    const size = Math.ceil(rest.length / parts);
    let smaller: readonly T[] | undefined;
    for (let from = 0; from < rest.length && smaller === undefined; from += size) {
      const without = [...rest.slice(0, from), ...rest.slice(from + size)];
      if (await fails(without)) smaller = without;
    }
    if (smaller !== undefined) {
      rest = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) {
      break;
    } else {
      parts = Math.min(rest.length, parts * 2);
    }
  }
  return rest;
}

function workloadsOf({ days, workloadsPerDay }: SeedRun): number[] {
  return Array.from({ length: Math.round(days * workloadsPerDay) }, (_, index) => index);
}

function sizeOf({ run, injected }: SeedResult): number {
  return (run.onlyWorkloads?.length ?? workloadsOf(run).length) + (run.onlyFaults?.length ?? injected.length);
}

/** What is only seen when everything is over needs its days. */
function daysUntil({ at }: Violation, { run, startedAt }: SeedResult): number {
  const days = run.stopAfterDays ?? run.days;
  return Math.min(days, Math.ceil(((at + AFTER_MILLISECONDS - startedAt) / DAY) * 1_000) / 1_000);
}

/** The promise and how it was broken, whoever it was broken to. */
export function kindOf({ invariant, message }: Violation): string {
  return `${invariant} ${message.replaceAll(/\S*\d\S*/g, '#')}`;
}
