import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ChildOptions {
  root: string;
  environment: NodeJS.ProcessEnv;
  /** Ends the child and all it started. */
  signal: AbortSignal;
  /** Each line of standard output and standard error. */
  onLine(line: string): void;
  onStart?(child: ChildProcess): void;
}

/** Runs a program in a process group of its own; resolves with its exit status, undefined when a signal ended it. */
export function runChild(command: string, args: readonly string[], options: ChildOptions): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.root,
      env: options.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const end = (): void => endGroup(child);
    options.signal.addEventListener('abort', end, { once: true });
    if (options.signal.aborted) end();
    createInterface({ input: child.stdout }).on('line', options.onLine);
    createInterface({ input: child.stderr }).on('line', options.onLine);
    options.onStart?.(child);
    child.on('error', reject);
    // `exit` and not `close`: a daemon left behind may hold the pipes open for ever.
    child.on('exit', (status) => {
      options.signal.removeEventListener('abort', end);
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        resolve(status ?? undefined);
      }, LAST_OUTPUT_MILLISECONDS);
    });
  });
}

/** What was written before the end is in the pipe already; time to read it. */
const LAST_OUTPUT_MILLISECONDS = 50;

/** Kills a child of `runChild` and its group; does nothing when it is gone. */
export function endGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, 'SIGKILL');
}
