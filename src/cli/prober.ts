import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readdir, readFile, realpath, statfs } from 'node:fs/promises';
import { join } from 'node:path';

export interface ProbeResult {
  /** undefined: did not start, or was killed for taking too long. */
  status: number | undefined;
  stdout: string;
  stderr: string;
}

/** How the toolchain and `doctor` look at the machine. A test gives one that answers from a table. */
export interface Prober {
  readonly platform: string;
  readonly architecture: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  isRoot(): boolean;
  /** Absolute path of a program on PATH or in the administrators' directories. */
  which(name: string): Promise<string | undefined>;
  isExecutable(path: string): Promise<boolean>;
  run(command: string, args: readonly string[]): Promise<ProbeResult>;
  readText(path: string): Promise<string | undefined>;
  /** Names in a directory, sorted; empty when there is none. */
  list(path: string): Promise<string[]>;
  /** Room for an unprivileged writer on the file system of the path, in bytes. */
  freeBytes(path: string): Promise<number | undefined>;
}

/** A probe that hangs is a finding, not a reason to hang with it. */
const PROBE_TIMEOUT_MILLISECONDS = 10_000;
/** Debian leaves these out of a user's PATH; runc and criu live there. */
const ADMINISTRATOR_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The machine itself. */
export function systemProber(): Prober {
  const environment = process.env;
  const path = [...(environment.PATH ?? '').split(':').filter((part) => part !== ''), ...ADMINISTRATOR_DIRECTORIES];
  const prober: Prober = {
    platform: process.platform,
    architecture: process.arch,
    environment,
    isRoot: () => process.getuid?.() === 0,
    async which(name) {
      for (const directory of path) {
        const candidate = join(directory, name);
        if (await prober.isExecutable(candidate)) return candidate;
      }
      return undefined;
    },
    isExecutable: (file) => succeeds(access(file, constants.X_OK)),
    run: (command, args) => probe(command, args, { ...environment, PATH: path.join(':'), LC_ALL: 'C' }),
    readText: (file) => orUndefined(readFile(file, 'utf8')),
    list: async (directory) => ((await orUndefined(readdir(directory))) ?? []).sort(),
    async freeBytes(directory) {
      const existing = await nearestExisting(directory);
      const figures = await orUndefined(statfs(existing));
      return figures === undefined ? undefined : figures.bavail * figures.bsize;
    },
  };
  return prober;
}

async function nearestExisting(directory: string): Promise<string> {
  for (let path = directory; path !== '/' && path !== '.'; path = join(path, '..')) {
    const real = await orUndefined(realpath(path));
    if (real !== undefined) return real;
  }
  return '/';
}

/** A probe's answer "it is not there" is undefined. */
async function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  return await promise.then(
    (value) => value,
    () => undefined,
  );
}

async function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return await promise.then(
    () => true,
    () => false,
  );
}

function probe(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PROBE_TIMEOUT_MILLISECONDS,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (error) => resolve({ status: undefined, stdout, stderr: error.message }));
    child.on('close', (status) => resolve({ status: status ?? undefined, stdout, stderr }));
  });
}
