import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { locateToolchain } from '../../src/cli/index.ts';
import { SystemClock } from '../../src/clock/index.ts';
import { CoordinationServer, Coordinator, HOOK_PATH, MemoryState } from '../../src/coordination/index.ts';
import { SILENT_LOG } from '../../src/model/index.ts';
import { type OpenMpi, openMpi } from './open-mpi.ts';

const run = promisify(execFile);
/** What hosts have for themselves, as containers do: ranks leave deleted files in /dev/shm, and take pseudo-terminals by number. */
const MOUNTS = [
  'mount -t tmpfs shm /dev/shm',
  'mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts',
  'mount --bind /dev/pts/ptmx /dev/ptmx',
].join(' && ');
const DEADLINE_MILLISECONDS = 60_000;

/** An MPI program on "hosts": namespaces of their own, joined by a bridge. Host 0 has `orterun` and its ranks, the others an `orted` and theirs. */
export class MpiGround {
  readonly folder = mkdtempSync(join(tmpdir(), 'fermata-mpi-'));
  readonly hosts: readonly number[];
  readonly #mpi: OpenMpi;
  readonly #criu: string;
  readonly #server: CoordinationServer;
  readonly #name = `fm${process.pid % 100_000}`;
  /** By host: a process that has its namespaces. */
  #keepers: ChildProcess[] = [];

  private constructor(mpi: OpenMpi, criu: string, server: CoordinationServer, hosts: number) {
    this.#mpi = mpi;
    this.#criu = criu;
    this.#server = server;
    this.hosts = Array.from({ length: hosts }, (_, host) => host);
  }

  /** One rank a host. */
  static async open(hosts: number): Promise<MpiGround> {
    const { criu } = await locateToolchain();
    assert.ok(criu);
    const mpi = await openMpi();
    const parts = { clock: new SystemClock(), log: SILENT_LOG };
    const coordinator = new Coordinator({ ...parts, state: new MemoryState() });
    const server = new CoordinationServer({ ...parts, coordinator }, { address: '127.0.0.1', port: 0 });
    await server.start();
    const ground = new MpiGround(mpi, criu.path, server, hosts);
    await ground.makeHosts();
    await ground.joinHosts();
    return ground;
  }

  /** Hosts under the same addresses, each alone. */
  async makeHosts(): Promise<void> {
    await run('ip', ['link', 'add', this.#name, 'type', 'bridge']);
    await run('ip', ['link', 'set', this.#name, 'up']);
    for (const host of this.hosts) {
      const command = `hostname host${host} && ${MOUNTS} && echo ready && exec sleep infinity`;
      const own = ['--mount', '--uts', '--net', '--propagation', 'private', 'sh', '-c', command];
      const keeper = spawn('unshare', own, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' });
      this.#keepers[host] = keeper;
      await once(keeper.stdout, 'data');
      writeFileSync(join(this.folder, `host${host}.pid`), String(keeper.pid));
      const [outside, inside] = [`${this.#name}v${host}`, ['-n', `-t${keeper.pid}`, 'ip']];
      await run('ip', ['link', 'add', outside, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(keeper.pid)]);
      await run('ip', ['link', 'set', outside, 'up']);
      await run('nsenter', [...inside, 'link', 'set', 'eth0', 'address', `02:fe:00:00:01:0${host + 1}`]);
      await run('nsenter', [...inside, 'address', 'add', `10.231.79.${host + 1}/24`, 'dev', 'eth0']);
      for (const link of ['eth0', 'lo']) await run('nsenter', [...inside, 'link', 'set', link, 'up']);
    }
  }

  async joinHosts(): Promise<void> {
    for (const host of this.hosts) await run('ip', ['link', 'set', `${this.#name}v${host}`, 'master', this.#name]);
  }

  async removeHosts(): Promise<void> {
    for (const keeper of this.#keepers.splice(0)) {
      if (keeper.exitCode !== null || keeper.signalCode !== null) continue;
      keeper.kill('SIGKILL');
      await once(keeper, 'exit');
    }
    for (const host of this.hosts) await run('ip', ['link', 'del', `${this.#name}v${host}`]).catch(() => undefined);
    await run('ip', ['link', 'del', this.#name]).catch(() => undefined);
  }

  /** Starts the program, and waits until it has got somewhere. */
  async startRing(): Promise<void> {
    // What starts a daemon on another host; nothing but TCP leads there.
    const agent = join(this.folder, 'agent');
    const enter = `exec nsenter -t "$(cat ${this.folder}/$host.pid)" -m -u -n -- sh -c "$*"`;
    writeFileSync(agent, `#!/bin/sh\nhost=$1\nshift\n${enter}\n`, { mode: 0o700 });
    const settings: Record<string, string> = {
      ...{ plm: 'rsh', plm_rsh_agent: agent, plm_rsh_no_tree_spawn: '1', orte_tmpdir_base: this.folder },
      ...{ pml: 'ob1', btl: 'tcp,self', btl_tcp_if_include: 'eth0', oob_tcp_if_include: 'eth0' },
      ...{ shmem: 'mmap', mpi_yield_when_idle: '1', hwloc_base_binding_policy: 'none' },
    };
    const command = [this.#mpi.orterun, '--host', this.hosts.map((host) => `host${host}:1`).join(',')];
    for (const [name, value] of Object.entries(settings)) command.push('--mca', name, value);
    for (const name of ['LD_LIBRARY_PATH', 'OPAL_PREFIX']) command.push('-x', name);
    command.push(this.#mpi.ring, this.folder);
    // Its files are to be those of its own mount namespace.
    const redirected = `exec ${command.join(' ')} </dev/null >${this.folder}/orterun.log 2>&1`;
    const namespaces = ['-t', String(this.#keeper(0)), '-m', '-u', '-n', '--', 'sh', '-c', redirected];
    const env = { ...this.#mpi.environment, PATH: process.env.PATH ?? '' };
    spawn('nsenter', namespaces, { stdio: 'ignore', detached: true, cwd: '/', env }).unref();
    await this.flow(20);
  }

  /** How many rounds each rank has done, and the sum of what it got. */
  told(what: 'rank' | 'done'): [rounds: number, sum: number][] {
    return this.hosts.map((rank) => {
      const file = join(this.folder, `${what}.${rank}`);
      const [rounds = 0, sum = 0] = existsSync(file) ? readFileSync(file, 'utf8').split(' ').map(Number) : [];
      return [rounds, sum];
    });
  }

  /** Until every rank has done so many rounds more. */
  async flow(rounds: number): Promise<void> {
    const goals = this.told('rank').map(([done]) => done + rounds);
    await this.#until('rounds go on', () => this.told('rank').every(([done], rank) => done >= (goals[rank] ?? 0)));
  }

  /** All hosts at once, as one group; exit status by host. What was dumped is gone when it resolves. */
  async dump(): Promise<number[]> {
    const trees = this.hosts.map((host) => this.#processes(host));
    const statuses = await Promise.all(
      trees.map(({ root }, host) => this.#criuRun('dump', host, ['-t', String(root)])),
    );
    if (statuses.every((status) => status === 0)) {
      const pids = trees.flatMap(({ all }) => all);
      // Until they are reaped their numbers are not free.
      await this.#until('the dumped processes are gone', () => !pids.some((pid) => existsSync(`/proc/${pid}`)));
    }
    return statuses;
  }

  restore(): Promise<number[]> {
    return Promise.all(this.hosts.map((host) => this.#criuRun('restore', host, ['--restore-detached'])));
  }

  /** Tells the ranks to stop; what each has done in the end. */
  async settle(): Promise<[rounds: number, sum: number][]> {
    writeFileSync(join(this.folder, 'stop'), '');
    await this.#until('all ranks have ended', () => this.told('done').every(([rounds]) => rounds > 0));
    await this.#until('the daemons have ended', () =>
      this.hosts.every((host) => this.#processes(host).all.length === 0),
    );
    return this.told('done');
  }

  /** The ends of CRIU's logs, and what orterun says. */
  logs(kind: 'dump' | 'restore'): string {
    const files = [...this.hosts.map((host) => join(this.folder, String(host), `${kind}.log`)), 'orterun.log'];
    return files
      .map((file) => join(this.folder, file.replace(`${this.folder}/`, '')))
      .filter((file) => existsSync(file))
      .map((file) =>
        readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => /Error|fermata|rror:/.test(line))
          .slice(-5)
          .join('\n'),
      )
      .join('\n---\n');
  }

  async close(): Promise<void> {
    for (const host of this.hosts) {
      if (this.#keepers[host] === undefined) continue;
      for (const pid of this.#processes(host).all) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // it has ended
        }
      }
    }
    await this.removeHosts();
    await this.#server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What runs on the host: all of it, and the one that is the others' parent. */
  #processes(host: number): { root: number; all: number[] } {
    const keeper = this.#keeper(host);
    const space = linkOf(`/proc/${keeper}/ns/net`);
    const all = readdirSync('/proc')
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid !== keeper && linkOf(`/proc/${pid}/ns/net`) === space);
    const root = all.find((pid) => !all.includes(parentOf(pid))) ?? 0;
    return { root, all };
  }

  #keeper(host: number): number {
    return this.#keepers[host]?.pid ?? 0;
  }

  async #criuRun(what: 'dump' | 'restore', host: number, options: readonly string[]): Promise<number> {
    const images = join(this.folder, String(host));
    mkdirSync(images, { recursive: true });
    const network = openSync(`/proc/${this.#keeper(host)}/ns/net`, 'r');
    const net = what === 'dump' ? ['--external', `net[${fstatSync(network).ino}]:net`] : ['--inherit-fd', 'fd[3]:net'];
    const fixed = ['-D', images, '-v4', '-o', `${what}.log`, '--action-script', HOOK_PATH, '--tcp-established'];
    const command = [this.#criu, what, ...fixed, ...net, ...options];
    // Among the host's mounts, but where the coordinator's loopback is.
    const child = spawn('nsenter', ['-t', String(this.#keeper(host)), '-m', '--', ...command], {
      stdio: ['ignore', 'ignore', 'ignore', network],
      cwd: '/',
      env: {
        PATH: process.env.PATH ?? '',
        FERMATA_COORDINATOR_PORT: String(this.#server.port),
        FERMATA_COORDINATOR_ID: `host${host}`,
        FERMATA_COORDINATOR_SESSION: 'mpi',
        FERMATA_COORDINATOR_GROUP: 'ring',
        FERMATA_COORDINATOR_MEMBERS: String(this.hosts.length),
        FERMATA_COORDINATOR_CONFIG: join(this.folder, 'none'),
      },
    });
    const [status] = (await once(child, 'exit')) as [number | null];
    closeSync(network);
    return status ?? 255;
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    for (const deadline = Date.now() + DEADLINE_MILLISECONDS; !condition(); ) {
      const wrong = readdirSync(this.folder).find((name) => name.startsWith('error.'));
      assert.equal(wrong, undefined, wrong && readFileSync(join(this.folder, wrong), 'utf8'));
      assert.ok(
        Date.now() < deadline,
        `waited in vain until ${what}; ${JSON.stringify(this.told('rank'))}\n${this.logs('restore')}`,
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // it has ended
  }
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return 0; // it has ended
  }
}
