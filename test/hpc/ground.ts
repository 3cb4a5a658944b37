import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, open, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SystemClock } from '../../src/clock/index.ts';
import { type Access, BATCH_SYSTEMS, type BatchSystem, Site, sshAccess } from '../../src/hpc/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';

const run = promisify(execFile);
const SCRIPTS = import.meta.dirname;

/** Of Slurm's REST interface. */
export const REST_URL = 'http://127.0.0.1:16820';
/** The ordinary user of the site; made for the tests and removed after them. */
const USER = 'fermata-hpc';

/** A run of `fermata hpc run` as its user starts it. */
export interface Connector {
  process: ChildProcess;
  /** So far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Its exit status; 128 + n for a signal. */
  ended: Promise<number>;
}

/** A real batch system on loopback, reached through a real ssh server as an ordinary user with a key. */
export class HpcGround {
  readonly folder: string;
  readonly system: BatchSystem;
  readonly clock = new SystemClock();
  readonly access: Access;
  readonly #down: ChildProcess;

  private constructor(folder: string, system: BatchSystem) {
    this.folder = folder;
    this.system = system;
    const words = [join(SCRIPTS, 'down.sh'), folder, system.name, USER];
    this.#down = spawn('bash', words, { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    this.access = sshAccess(this.clock, {
      host: 'lab',
      configFile: join(folder, 'ssh', 'config'),
      socketFolder: join(folder, 'sockets'),
    });
  }

  static async start(name: BatchSystem['name']): Promise<HpcGround> {
    await run('bash', [join(SCRIPTS, 'install.sh')], { timeout: 300_000 });
    // Munge insists on parents that only their owner may write to, the site's user on ones that it may enter.
    const folder = await mkdtemp('/var/tmp/fermata-hpc-');
    await chmod(folder, 0o755);
    await mkdir(join(folder, 'sockets'), { mode: 0o700 });
    await mkdir(join(folder, 'tmp'), { mode: 0o700 });
    const ground = new HpcGround(folder, systemOf(name));
    try {
      await run('useradd', ['--create-home', '--home-dir', join(folder, 'home'), '--shell', '/bin/bash', USER]);
      await ground.script(name, 'up');
      await ground.script('ssh', 'up');
    } catch (error) {
      await ground.stop();
      throw error;
    }
    return ground;
  }

  /** Takes everything down; what does it waits for the end of this process too, so that nothing is left when it is killed. */
  async stop(): Promise<void> {
    await this.access.close();
    const gone = once(this.#down, 'exit');
    this.#down.stdin?.end();
    await gone;
  }

  /** A site as the product makes it, asking the batch system every second. */
  site(access: Access = this.access): Site {
    return new Site({ system: this.system, access, queueSeconds: 1 });
  }

  /** Starts `fermata hpc run` with these words, as a user would. */
  connect(...words: string[]): Connector {
    return this.command('run', '--queue-interval', '1', ...words);
  }

  /** As {@link connect}, from a working directory of its own. */
  connectIn(folder: string, ...words: string[]): Connector {
    return this.#start('run', ['--queue-interval', '1', ...words], folder);
  }

  /** What `fermata hpc` is told to reach Slurm through its REST interface; the token is new. */
  async restFlags(): Promise<string[]> {
    const file = join(this.folder, 'token');
    await writeFile(file, await this.restToken(), { mode: 0o600 });
    return ['--rest', REST_URL, '--token-file', file];
  }

  async restToken(): Promise<string> {
    return (await this.administer(`scontrol token username=${USER} lifespan=3600`)).trim().replace('SLURM_JWT=', '');
  }

  /** Starts `fermata hpc` with a subcommand of it. */
  command(subcommand: string, ...words: string[]): Connector {
    return this.#start(subcommand, words, process.cwd());
  }

  /** As {@link command}, but told of no login node. */
  alone(subcommand: string, ...words: string[]): Connector {
    return this.#spawn([subcommand, ...words], process.cwd());
  }

  /**
   * As {@link alone}, from a working directory of its own and as the site's user, as whom files are made that are mounted here.
   * (It may read this checkout, wherever that lies.)
   */
  aloneAsUser(folder: string, ...words: string[]): Connector {
    const own = ['--reuid', USER, '--regid', USER, '--clear-groups'];
    return this.#spawn(words, folder, ['setpriv', ...own, '--inh-caps=+dac_override', '--ambient-caps=+dac_override']);
  }

  #start(subcommand: string, words: readonly string[], folder: string): Connector {
    const site = ['--scheduler', this.system.name, '--host', 'lab', '--ssh-config', join(this.folder, 'ssh', 'config')];
    return this.#spawn([subcommand, ...site, ...words], folder);
  }

  #spawn(words: readonly string[], folder: string, before: readonly string[] = []): Connector {
    const [command = '', ...rest] = [...before, OWN_COMMAND.command, ...OWN_COMMAND.arguments, 'hpc', ...words];
    const child = spawn(command, rest, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: join(this.folder, 'tmp'), TMPDIR: join(this.folder, 'tmp') },
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said.stderr += text;
    });
    const ended = once(child, 'close').then(([code, signal]) =>
      typeof code === 'number' ? code : signal === 'SIGKILL' ? 137 : 1,
    );
    return {
      process: child,
      ended,
      get stdout() {
        return said.stdout;
      },
      get stderr() {
        return said.stderr;
      },
    };
  }

  /** Shell words by which a job waits until the test has done its part, which is never too late on a slow machine. */
  gate(name: string): { wait: string; open(): Promise<void> } {
    const path = join(this.folder, 'home', `gate-${name}`);
    return { wait: `while ! [ -e ${path} ]; do sleep 0.2; done`, open: () => writeFile(path, '') };
  }

  /** Runs a command of the site as its administrator. */
  async administer(script: string): Promise<string> {
    const { stdout } = await run('bash', ['-c', `${this.#environment()}\n${script}`], { timeout: 60_000 });
    return stdout;
  }

  /** Runs a command of the site as its user. */
  async asUser(script: string): Promise<string> {
    const { stdout } = await this.access.run(script);
    return stdout;
  }

  async script(name: string, what: 'up' | 'down'): Promise<void> {
    // The daemons keep what they were started with: a pipe would not close before they end.
    const log = await open(join(this.folder, `${name}-${what}.log`), 'a');
    try {
      const script = spawn('bash', [join(SCRIPTS, `${name}.sh`), what, this.folder, USER], {
        stdio: ['ignore', log.fd, log.fd],
        timeout: 240_000,
      });
      const [status] = await once(script, 'exit');
      if (status !== 0)
        assert.fail(`${name}.sh ${what} failed:\n${await readFile(join(this.folder, `${name}-${what}.log`), 'utf8')}`);
    } finally {
      await log.close();
    }
  }

  #environment(): string {
    return this.system.name === 'slurm'
      ? `export SLURM_CONF=${this.folder}/slurm/slurm.conf`
      : `export SGE_ROOT=${this.folder}/gridengine/root SGE_CELL=default SGE_QMASTER_PORT=16844 SGE_EXECD_PORT=16845`;
  }
}

function systemOf(name: BatchSystem['name']): BatchSystem {
  const system = BATCH_SYSTEMS.find((one) => one.name === name);
  assert.ok(system !== undefined);
  return system;
}

/** Waits until `look` gives something, for as long as a busy machine may need. */
export async function seen<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const clock = new SystemClock();
  const deadline = clock.monotonic() + 120_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    assert.ok(clock.monotonic() < deadline, `not seen within two minutes: ${what}`);
    await clock.sleep(200);
  }
}

/** The id in what a connector said. */
export async function jobIdOf(connector: Connector): Promise<string> {
  return seen('the id of the job', () => / job (\S+) on /.exec(connector.stderr)?.[1]);
}

/** An API server that knows one Job, which is all that the reaper asks for; the sandbox's has no Jobs. */
export async function clusterWithJob(
  ground: HpcGround,
  uid: string,
): Promise<{ kubeconfig: string; stop(): Promise<void> }> {
  const list = {
    kind: 'JobList',
    apiVersion: 'batch/v1',
    metadata: { resourceVersion: '1' },
    items: [{ metadata: { namespace: 'default', name: 'there', uid, resourceVersion: '1' } }],
  };
  const server = createServer((request, response) => {
    const isJobs = request.url?.startsWith('/apis/batch/v1/jobs') === true;
    response.writeHead(isJobs ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isJobs ? list : { kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound' }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(ground.folder, 'kubeconfig');
  const context = { cluster: 'c', user: 'u' };
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      contexts: [{ name: 'c', context }],
      clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ name: 'u', user: {} }],
    }),
  );
  return {
    kubeconfig,
    stop: async () => {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
