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

/** One run after the other, as ordered. A promise that nobody handles would end a real process, so it ends a run. */
let broken: string | undefined;

process.on('unhandledRejection', (error: unknown) => {
  if (!(error instanceof ProcessKilled))
    broken ??= error instanceof Error ? (error.stack ?? error.message) : String(error);
});

parentPort?.on('message', ({ run }: WorkerOrder) => {
  const tell = (report: WorkerReport): void => parentPort?.postMessage(report);
  broken = undefined;
  runSeed(run, { progress: (days) => tell({ type: 'progress', days }) }).then(
    (result) => {
      if (broken !== undefined) tell({ type: 'broken', reason: broken });
      // The list of what was injected is long, and only a failure needs it.
      else tell({ type: 'result', result: result.violations.length === 0 ? { ...result, injected: [] } : result });
    },
    (error: unknown) => tell({ type: 'broken', reason: reasonOf(error) }),
  );
});
