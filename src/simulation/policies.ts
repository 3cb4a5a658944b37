import { FermataError } from '../model/index.ts';
import type { Outcome, Window } from './outcome.ts';
import { Conservative } from './pool/conservative.ts';
import { Easy } from './pool/easy.ts';
import { Fcfs } from './pool/fcfs.ts';
import { type Pool, type PoolPolicy, simulatePool } from './pool/pool.ts';
import type { TraceJob } from './trace/trace-job.ts';

/** What a policy is tried on. */
export interface Scenario {
  readonly jobs: readonly TraceJob[];
  /** Of a machine of equal processors. */
  readonly processors: number;
  readonly window: Window;
  /** Planners know run times exactly. */
  readonly perfectEstimates?: boolean;
  readonly keepSegments?: boolean;
  readonly signal?: AbortSignal;
}

const POOL_POLICIES: Readonly<Record<string, (pool: Pool) => PoolPolicy>> = {
  fcfs: (pool) => new Fcfs(pool),
  easy: (pool) => new Easy(pool),
  conservative: (pool) => new Conservative(pool),
};

export function policyNames(): string[] {
  return Object.keys(POOL_POLICIES);
}

/** Runs the policy over the whole scenario. @throws `PolicyUnknown` */
export function simulate(policy: string, scenario: Scenario): Outcome {
  const makePolicy = Object.hasOwn(POOL_POLICIES, policy) ? POOL_POLICIES[policy] : undefined;
  if (makePolicy === undefined) {
    throw new FermataError('PolicyUnknown', `there is no scheduling policy "${policy}" to simulate`, {
      nextStep: `Use some of: ${policyNames().join(', ')}.`,
    });
  }
  return simulatePool(scenario.jobs, makePolicy, scenario);
}
