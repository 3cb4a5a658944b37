import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { SeedResult, SeedRun, WorkerOrder, WorkerReport } from '../soak/index.ts';

/** A run that says nothing for so long does not end: some loop in it never lets go. Milliseconds. */
const SILENCE_MILLISECONDS = 180_000;

/** Nearly all that a run makes is garbage a moment later: the more of it is swept at once, the less must be copied. */
const YOUNG_GENERATION_MEBIBYTES = 192;

/** Threads that run seeds. */
export class SoakPool {
  readonly #size: number;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();
  readonly #waiting: ((worker: Worker) => void)[] = [];

  /** @param size default: one thread a processor */
  constructor(size: number = availableParallelism()) {
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  /** Never rejects: a run that breaks off is a result with that as its violation. `onDays` hears how far it is. */
  async run(run: SeedRun, onDays: (days: number) => void = () => undefined): Promise<SeedResult> {
    const worker = await this.#take();
    const report = await this.#order(worker, run, onDays);
    if (report.type === 'result') {
      this.#give(worker);
      return report.result;
    }
    this.#all.delete(worker);
    await worker.terminate();
    const next = this.#waiting.shift();
    if (next !== undefined) next(this.#hire());
    return brokenOff(run, report.reason);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
    this.#all.clear();
    this.#idle.length = 0;
  }

  #order(
    worker: Worker,
    run: SeedRun,
    onDays: (days: number) => void,
  ): Promise<Exclude<WorkerReport, { type: 'progress' }>> {
    return new Promise((resolve) => {
      const end = (report: Exclude<WorkerReport, { type: 'progress' }>): void => {
        clearTimeout(silence);
        worker.off('message', onMessage);
        worker.off('error', onError);
        resolve(report);
      };
      const onMessage = (report: WorkerReport): void => {
        silence.refresh();
        if (report.type === 'progress') onDays(report.days);
        else end(report);
      };
      const onError = (error: unknown): void =>
        end({ type: 'broken', reason: error instanceof Error ? error.message : String(error) });
      const silence = setTimeout(
        () => end({ type: 'broken', reason: `nothing was heard of the run for ${SILENCE_MILLISECONDS / 1000} s` }),
        SILENCE_MILLISECONDS,
      );
      worker.on('message', onMessage);
      worker.on('error', onError);
      const order: WorkerOrder = { run };
      worker.postMessage(order);
    });
  }

  #take(): Promise<Worker> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return Promise.resolve(idle);
    if (this.#all.size < this.#size) return Promise.resolve(this.#hire());
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #give(worker: Worker): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(worker);
    else next(worker);
  }

  #hire(): Worker {
    const worker = new Worker(new URL('../soak/worker.ts', import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MEBIBYTES },
    });
    this.#all.add(worker);
    return worker;
  }
}

function brokenOff(run: SeedRun, reason: string): SeedResult {
  return {
    run,
    startedAt: 0,
    events: 0,
    interruptions: 0,
    restores: 0,
    crashes: 0,
    faultsInjected: {},
    violations: [{ invariant: 'liveness', at: 0, subject: 'run', message: `the run broke off: ${reason}` }],
    injected: [],
  };
}
