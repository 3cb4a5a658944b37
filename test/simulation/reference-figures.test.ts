import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '../../src/clock/index.ts';
import { adapt, measure, poolWorld, readSwf, simulate, submissionWindow } from '../../src/simulation/index.ts';

/** Public logs, too large to be part of this project; these tests exist only where they were put beside it. */
const DATA = join(import.meta.dirname, '..', '..', '..', 'shared', 'data');
const SDSC = join(DATA, 'SDSC-SP2-1998-4.2-cln.swf.gz');
const HPC2N = join(DATA, 'HPC2N-2002-2.2-first57d-alea.swf.gz');

interface Case {
  file: string;
  processors: number;
  policy: string;
  limit?: number;
  scaleArrivals?: number;
  perfectEstimates?: boolean;
  utilization: number;
  meanWaitSeconds: number;
}

/** By an independent simulator, with the conventions that docs/evaluation.md names. */
const CASES: Record<string, Case> = {
  'SDSC-SP2 under fcfs': {
    file: SDSC,
    processors: 128,
    policy: 'fcfs',
    utilization: 0.765,
    meanWaitSeconds: 1_551_989,
  },
  'SDSC-SP2 under easy': { file: SDSC, processors: 128, policy: 'easy', utilization: 0.834, meanWaitSeconds: 21_169 },
  'SDSC-SP2 under easy that knows run times': {
    file: SDSC,
    processors: 128,
    policy: 'easy',
    perfectEstimates: true,
    utilization: 0.834,
    meanWaitSeconds: 17_991,
  },
  'the first 10,000 jobs of SDSC-SP2 under fcfs': {
    file: SDSC,
    processors: 128,
    policy: 'fcfs',
    limit: 10_000,
    utilization: 0.74,
    meanWaitSeconds: 36_605,
  },
  'the first 10,000 jobs of SDSC-SP2 under easy': {
    file: SDSC,
    processors: 128,
    policy: 'easy',
    limit: 10_000,
    utilization: 0.742,
    meanWaitSeconds: 8_811,
  },
  'HPC2N under fcfs': { file: HPC2N, processors: 240, policy: 'fcfs', utilization: 0.414, meanWaitSeconds: 5_628 },
  'HPC2N under easy': { file: HPC2N, processors: 240, policy: 'easy', utilization: 0.415, meanWaitSeconds: 3_558 },
  'HPC2N at more than twice the load under fcfs': {
    file: HPC2N,
    processors: 240,
    policy: 'fcfs',
    scaleArrivals: 0.45,
    utilization: 0.78,
    meanWaitSeconds: 126_469,
  },
  'HPC2N at more than twice the load under easy': {
    file: HPC2N,
    processors: 240,
    policy: 'easy',
    scaleArrivals: 0.45,
    utilization: 0.809,
    meanWaitSeconds: 56_426,
  },
};

if (existsSync(SDSC) && existsSync(HPC2N)) {
  for (const [name, { file, processors, policy, ...expected }] of Object.entries(CASES)) {
    test(`${name}: utilisation within 0.005, mean wait within 2 % of the reference`, async () => {
      const trace = await readSwf(file);
      const jobs = adapt(trace.jobs, expected);
      const window = submissionWindow(jobs);
      const perfectEstimates = expected.perfectEstimates === true;
      const outcome = simulate(policy, {
        jobs,
        world: poolWorld(processors),
        window,
        random: seededRandom(1),
        preemptsFrom: Infinity,
        perfectEstimates,
      });
      const metrics = measure({
        policy,
        jobs,
        outcome,
        window,
        capacityProcessors: processors,
        rejectedLines: trace.rejected.count,
        seed: 1,
        elapsedSeconds: 1,
      });
      assert.ok(
        Math.abs(metrics.utilizationAllocated - expected.utilization) <= 0.005,
        String(metrics.utilizationAllocated),
      );
      assert.ok(
        Math.abs(metrics.waitSeconds.mean / expected.meanWaitSeconds - 1) <= 0.02,
        `mean wait ${metrics.waitSeconds.mean}, reference ${expected.meanWaitSeconds}`,
      );
    });
  }
}
