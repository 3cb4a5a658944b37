import { parentPort } from 'node:worker_threads';
import { reasonOf } from '../model/index.ts';
import { ProcessKilled } from './incarnation.ts';
import { runSeed, type SeedResult, type SeedRun } from './run-seed.ts';

/** What a thread is told. */
export interface WorkerOrder {
  run: SeedRun;
}

/** What a thread tells. */
export type WorkerReport =
  | { type: 'progress'; days: number }
  | { type: 'result'; result: SeedResult }
  | { type: 'broken'; reason: string };

/** Many thousands of errors a run are thrown on purpose, and nobody reads where. */
const STACK_FRAMES = { quiet: 0, telling: 20 } as const;

/** One run after the other, as ordered. A promise that nobody handles would end a real process, so it ends a run. */
let broken: string | undefined;

process.on('unhandledRejection', (error: unknown) => {
  if (!(error instanceof ProcessKilled))
    broken ??= error instanceof Error ? (error.stack ?? error.message) : String(error);
});

parentPort?.on('message', ({ run }: WorkerOrder) => {
  const tell = (report: WorkerReport): void => parentPort?.postMessage(report);
  carryOut(run, tell).then(tell, (error: unknown) => tell({ type: 'broken', reason: reasonOf(error) }));
});

async function carryOut(run: SeedRun, tell: (report: WorkerReport) => void): Promise<WorkerReport> {
  const attempt = (): Promise<SeedResult> => {
    broken = undefined;
    return runSeed(run, { progress: (days) => tell({ type: 'progress', days }) });
  };
  Error.stackTraceLimit = STACK_FRAMES.quiet;
  let result = await attempt();
  if (broken !== undefined) {
    // Once more, to hear from where.
    Error.stackTraceLimit = STACK_FRAMES.telling;
    result = await attempt();
  }
  if (broken !== undefined) return { type: 'broken', reason: broken };
  // The list of what was injected is long, and only a failure needs it.
  return { type: 'result', result: result.violations.length === 0 ? { ...result, injected: [] } : result };
}
