import type { Random } from '../clock/index.ts';
import { FermataError } from '../model/index.ts';
import type { Capability } from './fermata/capabilities.ts';
import { CAPABILITY_NAMES } from './fermata/capabilities.ts';
import { FermataPolicy } from './fermata/fermata-policy.ts';
import type { Outcome, Window } from './outcome.ts';
import { Conservative } from './pool/conservative.ts';
import { Easy } from './pool/easy.ts';
import { Fcfs } from './pool/fcfs.ts';
import { type Pool, type PoolPolicy, simulatePool } from './pool/pool.ts';
import type { TraceJob } from './trace/trace-job.ts';
import type { Judge } from './world/judge.ts';
import { PriorityPolicy, type PriorityRules } from './world/priority-policy.ts';
import { Stage } from './world/stage.ts';
import { capacityOf, type World } from './world/world.ts';

/** As jupyterhub-idle-culler has it by default. */
const IDLE_AFTER_SECONDS = 600;

/** What a policy is tried on. */
export interface Scenario {
  readonly jobs: readonly TraceJob[];
  readonly world: World;
  readonly window: Window;
  readonly random: Random;
  /** Priority from which a job may interrupt others. */
  readonly preemptsFrom: number;
  /** Planners know run times exactly. */
  readonly perfectEstimates?: boolean;
  /** Of `fermata`: how long a session has done nothing before it is suspended; default 600 s. */
  readonly idleAfterSeconds?: number;
  /** Of `fermata`: what is switched off. */
  readonly without?: readonly Capability[];
  readonly keepSegments?: boolean;
  readonly signal?: AbortSignal;
  /** Watches the invariants; not of fcfs, easy and conservative, which interrupt nobody. */
  readonly judge?: Judge;
}

/** Of a machine of equal processors, whatever its nodes. */
const POOL_POLICIES: Readonly<Record<string, (pool: Pool) => PoolPolicy>> = {
  fcfs: (pool) => new Fcfs(pool),
  easy: (pool) => new Easy(pool),
  conservative: (pool) => new Conservative(pool),
};

const PRIORITY_POLICIES: Readonly<Record<string, Omit<PriorityRules, 'preemptsFrom'>>> = {
  kube: { binding: 'pods', victims: 'kill', placing: 'spread', overtaking: 'any' },
  'kube-gang': { binding: 'job', victims: 'kill', placing: 'spread', overtaking: 'any' },
  'slurm-requeue': { binding: 'job', victims: 'kill', placing: 'first', overtaking: 'easy' },
  'slurm-suspend': { binding: 'job', victims: 'pause', placing: 'first', overtaking: 'easy' },
  li2015: { binding: 'job', victims: 'adaptive', placing: 'spread', overtaking: 'any' },
};

export function policyNames(): string[] {
  return [...Object.keys(POOL_POLICIES), ...Object.keys(PRIORITY_POLICIES), 'fermata'];
}

/** Runs the policy over the whole scenario. @throws `PolicyUnknown` */
export function simulate(policy: string, scenario: Scenario): Outcome {
  const { preemptsFrom, idleAfterSeconds = IDLE_AFTER_SECONDS, without = [], world } = scenario;
  const pooled = Object.hasOwn(POOL_POLICIES, policy) ? POOL_POLICIES[policy] : undefined;
  if (pooled !== undefined) {
    return simulatePool(scenario.jobs, pooled, { ...scenario, processors: Math.floor(capacityOf(world)) });
  }
  const jobs = scenario.perfectEstimates === true ? scenario.jobs.map(withPerfectEstimate) : scenario.jobs;
  const stage = (): Stage => new Stage({ ...scenario, jobs });
  const rules = Object.hasOwn(PRIORITY_POLICIES, policy) ? PRIORITY_POLICIES[policy] : undefined;
  if (rules !== undefined) return stage().run((on) => new PriorityPolicy(on, { ...rules, preemptsFrom }));
  if (policy === 'fermata') {
    const capabilities = new Set(CAPABILITY_NAMES.filter((name) => !without.includes(name)));
    return stage().run((on) => new FermataPolicy(on, { capabilities, idleAfterSeconds, preemptsFrom }));
  }
  throw new FermataError('PolicyUnknown', `there is no scheduling policy "${policy}" to simulate`, {
    nextStep: `Use some of: ${policyNames().join(', ')}.`,
  });
}

function withPerfectEstimate(job: TraceJob): TraceJob {
  return { ...job, walltimeSeconds: job.runSeconds };
}
