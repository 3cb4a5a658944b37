import type { Clock } from '../../clock/index.ts';
import { FermataError, type Log, reasonOf } from '../../model/index.ts';
import type { SandboxDirectory } from './sandbox-directory.ts';
import { type ProcessDescription, SupervisedProcess } from './supervised-process.ts';

export interface SandboxParts {
  /** Serves the API; everything else waits for it. */
  apiServer: ProcessDescription;
  /** Started together once the API answers. */
  others: readonly ProcessDescription[];
}

/** Longest wait for the API server to answer before the sandbox is given up. */
const API_SERVER_START_MILLISECONDS = 30_000;
const READY_POLL_MILLISECONDS = 20;

/**
 * The single-machine cluster as a set of processes, each of which may die and is started again. Not for production:
 * its API server knows one user, its nodes share one machine.
 */
export class Sandbox {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #directory: SandboxDirectory;
  readonly #processes: SupervisedProcess[];
  readonly #apiServer: SupervisedProcess;
  readonly #isServing: () => Promise<void>;

  /** @param isServing resolves when the API server answers, rejects while it does not */
  constructor(
    dependencies: { clock: Clock; log: Log; isServing: () => Promise<void>; onStarted?: () => void },
    directory: SandboxDirectory,
    parts: SandboxParts,
  ) {
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
    this.#isServing = dependencies.isServing;
    this.#directory = directory;
    this.#apiServer = new SupervisedProcess(dependencies, parts.apiServer);
    this.#processes = parts.others.map((description) => new SupervisedProcess(dependencies, description));
  }

  async start(signal?: AbortSignal): Promise<void> {
    this.#apiServer.start();
    const deadline = this.#clock.now() + API_SERVER_START_MILLISECONDS;
    for (;;) {
      try {
        await this.#isServing();
        break;
      } catch (error) {
        if (this.#clock.now() >= deadline) {
          throw new FermataError('SandboxNotServing', `the API server did not answer within 30 s: ${reasonOf(error)}`, {
            cause: error,
            nextStep: `read ${this.#directory.logFile('apiserver')}`,
          });
        }
        await this.#clock.sleep(READY_POLL_MILLISECONDS, signal);
      }
    }
    for (const process of this.#processes) process.start();
    this.#log.info({ directory: this.#directory.root }, 'sandbox started');
  }

  /** The processes, for `D/run/up.json` and for whoever wants to kill one. */
  processes(): { name: string; pid: number | undefined; restarts: number }[] {
    return [this.#apiServer, ...this.#processes].map(({ description, pid, restarts }) => ({
      name: description.name,
      pid,
      restarts,
    }));
  }

  /** Ends every part, the API server last, and resolves when all are gone. */
  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
    await this.#apiServer.stop();
  }
}
