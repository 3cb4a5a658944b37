import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Clock, Timer } from '../../clock/index.ts';
import type { Log } from '../../model/index.ts';

export interface ProcessDescription {
  name: string;
  command: string;
  arguments: readonly string[];
  environment?: Readonly<Record<string, string>>;
  /** Folder it runs in; default: this process'. */
  folder?: string;
  /** Receives stdout and stderr; appended to, made 0600. */
  logFile: string;
}

/** A child that ran at least this long before it died is started again at once. */
const STEADY_MILLISECONDS = 5_000;
const FIRST_RESTART_MILLISECONDS = 50;
const LONGEST_RESTART_MILLISECONDS = 5_000;
/** What a child gets between SIGTERM and SIGKILL. */
const STOP_GRACE_MILLISECONDS = 10_000;

/**
 * One child process that is started again whenever it ends, at once after a steady run, else with a wait that doubles
 * (50 ms to 5 s). `stop()` ends it for good and resolves when it is gone.
 */
export class SupervisedProcess {
  readonly description: ProcessDescription;
  readonly #clock: Clock;
  readonly #log: Log;
  #child: ChildProcess | undefined;
  #restart: Timer | undefined;
  #wait = FIRST_RESTART_MILLISECONDS;
  #startedAt = 0;
  #stopping = false;
  #ended: (() => void) | undefined;
  readonly #onStarted: () => void;
  restarts = 0;

  /** @param dependencies.onStarted called after each start, also a repeated one */
  constructor(dependencies: { clock: Clock; log: Log; onStarted?: () => void }, description: ProcessDescription) {
    this.#onStarted = dependencies.onStarted ?? (() => undefined);
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
    this.description = description;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    if (this.#stopping || this.#child !== undefined) return;
    const { name, command, arguments: parameters, environment, folder, logFile } = this.description;
    const output = openSync(logFile, 'a', 0o600);
    const child = spawn(command, parameters, {
      // The child's standard input ends when this process dies, however it dies: that is its order to stop.
      stdio: ['pipe', output, output],
      env: { ...process.env, ...environment },
      ...(folder === undefined ? {} : { cwd: folder }),
    });
    closeSync(output);
    this.#child = child;
    this.#startedAt = this.#clock.now();
    this.#onStarted();
    let over = false;
    const onEnd = (how: string): void => {
      if (over) return;
      over = true;
      this.#child = undefined;
      if (this.#stopping) {
        this.#ended?.();
        return;
      }
      if (this.#clock.now() - this.#startedAt >= STEADY_MILLISECONDS) this.#wait = FIRST_RESTART_MILLISECONDS;
      this.#log.warn(
        { process: name, ended: how, restartInMilliseconds: this.#wait, log: logFile },
        'a part of the sandbox ended; it is started again',
      );
      this.#restart = this.#clock.setTimer(this.#wait, () => {
        this.restarts++;
        this.start();
      });
      this.#wait = Math.min(this.#wait * 2, LONGEST_RESTART_MILLISECONDS);
    };
    child.once('error', (error) => onEnd(error.message));
    child.once('exit', (code, signal) => onEnd(signal === null ? `exit code ${code}` : `signal ${signal}`));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#restart?.cancel();
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    child.kill('SIGTERM');
    const force = this.#clock.setTimer(STOP_GRACE_MILLISECONDS, () => child.kill('SIGKILL'));
    await gone;
    force.cancel();
  }
}
