import type { InjectedFault } from './fault-injector.ts';
import { type FaultProfile, faultRates } from './fault-rates.ts';
import type { HistoryEntry, HistoryListener, Violation } from './history.ts';
import { Judge } from './judge/judge.ts';
import { World, type WorldObservers } from './world.ts';

/** Everything that a run depends on, besides the code: the same in, the same history out. */
export interface SeedRun {
  seed: number;
  /** Days with faults. */
  days: number;
  nodes: number;
  workloadsPerDay: number;
  faults: FaultProfile;
  /** When faults stop and no more workloads come; absent: after `days`, by which workloads are planned all the same. */
  stopAfterDays?: number;
  /** Only these faults, by id; absent: all that chance brings. */
  onlyFaults?: readonly string[];
  /** Only these workloads, by index; absent: all. */
  onlyWorkloads?: readonly number[];
}

export interface SeedResult {
  run: SeedRun;
  /** ms since the epoch. */
  startedAt: number;
  /** Entries of the history. */
  events: number;
  /** Processes that a dump stopped. */
  interruptions: number;
  restores: number;
  crashes: number;
  /** Kind of fault → how often. */
  faultsInjected: Readonly<Record<string, number>>;
  violations: readonly Violation[];
  injected: readonly InjectedFault[];
  digest?: string;
}

/** Runs one seed and judges it. */
export async function runSeed(run: SeedRun, observers: Partial<WorldObservers> = {}): Promise<SeedResult> {
  const judge = new Judge();
  const counts = { interruptions: 0, restores: 0, crashes: 0 };
  const count: HistoryListener = (entry: HistoryEntry) => {
    if (entry.kind === 'process') {
      if (entry.fact === 'dumped') counts.interruptions++;
      else if (entry.fact === 'restored') counts.restores++;
    } else if (entry.kind === 'component' && entry.what === 'crashed') counts.crashes++;
  };
  const { faults, ...rest } = run;
  const world = new World(
    { ...rest, rates: faultRates(faults, run.seed), groups: true, gangs: true },
    { ...observers, listeners: [(entry) => judge.observe(entry), count, ...(observers.listeners ?? [])] },
  );
  const result = await world.run();
  return {
    run,
    startedAt: result.startedAt,
    events: result.entries,
    ...counts,
    faultsInjected: result.faultCounts,
    violations: [...judge.violations(), ...result.violations].sort((one, other) => one.at - other.at),
    injected: result.faults,
    ...(result.digest === undefined ? {} : { digest: result.digest }),
  };
}
