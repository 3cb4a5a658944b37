import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../clock/index.ts';
import { FermataError } from '../model/index.ts';
import { quoteWord, quoteWords } from './shell-words.ts';

export interface Answer {
  status: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** `$1`, `$2`, … of the script. */
  arguments?: readonly string[];
  /** Its standard input; default: none. */
  input?: string | Readable;
  /** Takes its standard output as it comes, which the answer is then without. */
  output?: Writable;
  /** Default 120,000. */
  timeoutMilliseconds?: number;
  signal?: AbortSignal;
}

/** The way to a site's login node, or to commands on this machine. */
export interface Access {
  /** `user@login`, or `localhost`. */
  readonly host: string;
  /**
   * Runs a bash script there (with `pipefail`). Resolves with its exit status, 0–254.
   * @throws FermataError `SiteUnreachable` when nobody can say whether it ran; the answer may be lost although it did.
   */
  run(script: string, options?: RunOptions): Promise<Answer>;
  close(): Promise<void>;
}

export interface SshOptions {
  /** `user@login`, or a name of the user's ssh configuration. */
  host: string;
  /** Default: the user's own (`~/.ssh/config`). */
  configFile?: string;
  /** Where the socket of the kept-alive connection is; private to the user. */
  socketFolder: string;
}

const TIMEOUT_MILLISECONDS = 120_000;

/** What ssh says when trying again changes nothing. */
const REFUSALS =
  /Permission denied|Host key verification failed|Bad configuration option|no such identity|Can't open user config|command not found/i;

/** The user's own `ssh`, with one connection kept alive for all commands. Never asks: a password prompt is a refusal. */
export function sshAccess(clock: Clock, options: SshOptions): Access {
  const shared = [
    ...(options.configFile === undefined ? [] : ['-F', options.configFile]),
    '-o',
    'BatchMode=yes',
    '-o',
    'ConnectTimeout=15',
    '-o',
    'ServerAliveInterval=10',
    '-o',
    'ServerAliveCountMax=3',
    ...keptAlive(`${options.socketFolder}/master`),
  ];
  return {
    host: options.host,
    run: (script, run = {}) =>
      runProgram(
        clock,
        options.host,
        ['ssh', ...shared, options.host, remoteCommand(script, run.arguments ?? [])],
        run,
      ),
    close: async () => {
      // Nothing to end is no fault.
      await runProgram(clock, options.host, ['ssh', ...shared, '-O', 'exit', options.host], {}).catch(
        (error: unknown) => {
          if (!(error instanceof FermataError)) throw error;
        },
      );
    },
  };
}

/** A socket's path is limited to 107 bytes, of which ssh adds 17 itself: without room every command connects anew. */
function keptAlive(socket: string): string[] {
  if (Buffer.byteLength(socket) > 90) return [];
  return ['-o', 'ControlMaster=auto', '-o', 'ControlPersist=60', '-o', `ControlPath=${socket}`];
}

/** Commands of a batch system on this machine. */
export function localAccess(clock: Clock, environment: NodeJS.ProcessEnv = process.env): Access {
  return {
    host: 'localhost',
    run: (script, run = {}) =>
      runProgram(clock, 'localhost', ['sh', '-c', remoteCommand(script, run.arguments ?? [])], run, environment),
    close: () => Promise.resolve(),
  };
}

/** Is this a fault that no further try mends: a key refused, a host key changed, no ssh at all? */
export function isRefusedAccess(error: unknown): boolean {
  return error instanceof FermataError && error.code === 'SiteRefused';
}

/**
 * One line for whatever login shell reads it (csh takes no newline in quotes). ssh itself ends with 255 when the connection is
 * lost, so a script that ends with 255 is told apart.
 */
function remoteCommand(script: string, words: readonly string[]): string {
  const encoded = Buffer.from(`set -o pipefail\n${script}`).toString('base64');
  const body = `(eval "$(printf %s ${encoded} | base64 -d)"); status=$?; [ $status -ne 255 ] || status=254; exit $status`;
  return `bash -c ${quoteWord(body)} fermata ${quoteWords(words)}`;
}

function runProgram(
  clock: Clock,
  host: string,
  words: readonly string[],
  options: RunOptions,
  environment?: NodeJS.ProcessEnv,
): Promise<Answer> {
  const { input, output, signal, timeoutMilliseconds = TIMEOUT_MILLISECONDS } = options;
  const [program = '', ...rest] = words;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = spawn(program, rest, {
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(environment === undefined ? {} : { env: environment }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let failure: unknown;
    const stop = (reason: unknown): void => {
      failure ??= reason;
      child.kill('SIGKILL');
      // A grandchild may hold the pipes open (ssh's own connection for others does).
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const timer = clock.setTimer(timeoutMilliseconds, () =>
      stop(unreachable(host, `no answer within ${timeoutMilliseconds / 1000} s`)),
    );
    const onAbort = (): void => stop(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (output === undefined) child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    else child.stdout?.pipe(output);
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    // It may end without reading its input; what it says then is the answer.
    child.stdin?.on('error', () => undefined);
    if (input === undefined || typeof input === 'string') child.stdin?.end(input);
    else if (child.stdin !== null) input.pipe(child.stdin);
    child.on('error', (error) => {
      failure ??= new FermataError('SiteRefused', `${program} cannot be started: ${error.message}`, {
        nextStep: `install ${program}, or leave --host out to use the commands of this machine`,
      });
      settle(255);
    });
    child.on('close', (code) => settle(code ?? 255));

    function settle(code: number): void {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      const said = Buffer.concat(stderr).toString();
      if (failure !== undefined) reject(failure);
      else if (code !== 255) resolve({ status: code, stdout: Buffer.concat(stdout).toString(), stderr: said });
      else reject(unreachable(host, said.trim() === '' ? 'the connection was lost' : said.trim()));
    }
  });
}

function unreachable(host: string, reason: string): FermataError {
  if (REFUSALS.test(reason)) {
    return new FermataError('SiteRefused', `${host} refuses the connection: ${reason}`, {
      nextStep: `try: ssh -o BatchMode=yes ${host} true — a key without passphrase (or an agent) and a known host key are needed`,
    });
  }
  return new FermataError('SiteUnreachable', `${host} cannot be reached: ${reason}`);
}
