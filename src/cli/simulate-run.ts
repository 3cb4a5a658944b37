import { seededRandom } from '../clock/index.ts';
import {
  adapt,
  CAPABILITY_NAMES,
  type Capability,
  capacityOf,
  Judge,
  type Metrics,
  measure,
  type Outcome,
  type Scenario,
  simulate,
  submissionWindow,
  type Violation,
} from '../simulation/index.ts';
import { EXIT, ExitStatus } from './exit.ts';
import { Progress } from './progress.ts';
import type { SimulateFlags } from './simulate.ts';
import { readTrace, worldOf } from './simulate-input.ts';
import { refusals, remarks, renderMetrics } from './simulate-output.ts';
import { adaptationOf, number, wattsOf, wholeNumber, windowOf, withoutOf } from './simulate-settings.ts';

/** Broken invariants that are shown one by one. */
const VIOLATIONS_SHOWN = 10;

/** A policy, and what of it is switched off. */
interface Variant {
  readonly policy: string;
  readonly label: string;
  readonly without: readonly Capability[];
}

export async function runSimulate(flags: SimulateFlags): Promise<void> {
  const progress = new Progress();
  const violations: Violation[] = [];
  try {
    progress.step('reading the trace');
    const trace = await readTrace(flags);
    const jobs = adapt(trace.jobs, adaptationOf(flags));
    const world = await worldOf(flags, trace);
    const window = flags.window === undefined ? submissionWindow(jobs) : windowOf(flags.window);
    const seed = wholeNumber('--seed', flags.seed);
    const watts = wattsOf(flags.nodeWatts, world);
    const runs: { metrics: Metrics; outcome: Outcome }[] = [];
    for (const { policy, label, without } of variantsOf(flags)) {
      progress.step(`simulating ${label}`);
      const judge = flags.judge === true ? new Judge() : undefined;
      const scenario: Scenario = {
        jobs,
        world,
        window,
        without,
        random: seededRandom(seed),
        preemptsFrom: number('--preempts-from', flags.preemptsFrom),
        idleAfterSeconds: number('--idle-after-seconds', flags.idleAfterSeconds),
        perfectEstimates: flags.perfectEstimates === true,
        keepSegments: flags.report !== undefined,
        ...(judge === undefined ? {} : { judge }),
      };
      const began = performance.now();
      const outcome = simulate(policy, scenario);
      const elapsedSeconds = (performance.now() - began) / 1_000;
      violations.push(...(judge?.violations ?? []));
      const metrics = measure({
        policy: label,
        jobs,
        outcome,
        window,
        capacityProcessors: capacityOf(world),
        ...(watts === undefined ? {} : { watts }),
        rejectedLines: trace.rejected.count,
        seed,
        elapsedSeconds,
      });
      runs.push({ metrics, outcome });
    }
    if (flags.report !== undefined) {
      progress.step(`writing ${flags.report}`);
      const { writeReport } = await import('./simulate-report.ts');
      await writeReport(flags.report, flags, { jobs, world, window, runs });
    }
    progress.stop();
    process.stderr.write(remarks(trace));
    process.stderr.write(
      refusals(
        jobs,
        runs.map(({ outcome }) => outcome),
      ),
    );
    process.stdout.write(
      renderMetrics(
        runs.map(({ metrics }) => metrics),
        flags.output,
      ),
    );
  } finally {
    progress.stop();
  }
  report(violations);
}

function report(violations: readonly Violation[]): void {
  if (violations.length === 0) return;
  for (const { invariant, atSeconds, job, message } of violations.slice(0, VIOLATIONS_SHOWN)) {
    process.stderr.write(`invariant ${invariant} at ${atSeconds} s: ${job === '' ? '' : `job ${job} `}${message}\n`);
  }
  process.stderr.write(`${violations.length} violations of invariants\n`);
  throw new ExitStatus(EXIT.failure);
}

function variantsOf({ policy, without, ablate }: SimulateFlags): Variant[] {
  const off = withoutOf(without);
  const named = policy.split(',').map((name): Variant => {
    const label = name === 'fermata' && off.length > 0 ? `fermata without ${off.join(', ')}` : name;
    return { policy: name, label, without: off };
  });
  if (ablate !== true) return named;
  const ablated = CAPABILITY_NAMES.filter((name) => !off.includes(name)).map(
    (name): Variant => ({ policy: 'fermata', label: `fermata without ${name}`, without: [...off, name] }),
  );
  const hasFermata = named.some((one) => one.policy === 'fermata');
  return [...named, ...(hasFermata ? [] : [{ policy: 'fermata', label: 'fermata', without: off }]), ...ablated];
}
