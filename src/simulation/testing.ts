import { seededRandom } from '../clock/index.ts';
import { submissionWindow } from './outcome.ts';
import type { Scenario } from './policies.ts';
import type { TraceJob } from './trace/trace-job.ts';
import { poolWorld, type World } from './world/world.ts';

/** A job for tests; the number is its id. */
export function job(
  id: number,
  submitSeconds: number,
  runSeconds: number,
  processors: number,
  more: Partial<TraceJob> = {},
): TraceJob {
  return { id: String(id), submitSeconds, runSeconds, processors, user: 'user', ...more };
}

/** A line of the Standard Workload Format with what a test cares about. */
export function swfLine(fields: Readonly<Partial<Record<number, number | string>>>): string {
  return Array.from({ length: 18 }, (_, index) => String(fields[index + 1] ?? -1)).join(' ');
}

/** The jobs on a world, or on so many processors; whoever has priority 300 may interrupt others. */
export function scenario(jobs: readonly TraceJob[], world: World | number, more: Partial<Scenario> = {}): Scenario {
  return {
    jobs,
    world: typeof world === 'number' ? poolWorld(world) : world,
    window: submissionWindow(jobs),
    random: seededRandom(1),
    preemptsFrom: 300,
    keepSegments: true,
    ...more,
  };
}
