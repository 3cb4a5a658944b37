import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, openSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { FermataError, type Log, reasonOf } from '../../model/index.ts';
import { ContainerCgroup, removeCgroupTree } from './cgroup.ts';
import { PodmanClient, PodmanError } from './client.ts';
import { ensureOwnImages, PAUSE_IMAGE } from './images.ts';
import { PodmanLayout, type PodmanTools, SYSTEM_PATH } from './layout.ts';
import { resumeMonitors } from './monitor.ts';
import { detachMountsBelow } from './mounts.ts';
import { removeUnusedChains } from './netavark-chains.ts';
import { processIds } from './processes.ts';
import { endRestores, removeRuncState } from './restore-orphans.ts';
import { settingsFiles } from './settings.ts';

/** A cold Podman store takes about a second to open; a busy machine several. */
const READY_TIMEOUT_MILLISECONDS = 30_000;
const READY_POLL_MILLISECONDS = 10;
const CONTAINER_ID = /^[0-9a-f]{64}$/;
const STOP_TIMEOUT_MILLISECONDS = 5_000;

export interface PodmanServiceOptions {
  /** Folder of the private Podman: settings, images, containers. */
  directory: string;
  /** Unix socket on which it serves. */
  socket: string;
  tools: PodmanTools;
}

/**
 * A Podman of our own as one service process, shared by the runtimes of all nodes of the machine. Containers outlive it: it
 * may be killed and started again at any time.
 */
export class PodmanService {
  readonly layout: PodmanLayout;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tools: PodmanTools;
  #child: ChildProcess | undefined;

  constructor(parts: { clock: Clock; log: Log }, options: PodmanServiceOptions) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#tools = options.tools;
    this.layout = new PodmanLayout(options.directory, options.socket);
  }

  /** The process to run, for a supervisor of one's own; call `prepare` before and `ready` after. */
  command(): { file: string; args: string[]; environment: Record<string, string> } {
    return {
      file: this.#tools.podman,
      args: ['system', 'service', '--time=0', `unix://${this.layout.socket}`],
      environment: this.layout.environment(this.#tools),
    };
  }

  /** Writes the settings and makes the folders. Idempotent; containers are not touched. */
  async prepare(): Promise<void> {
    const { layout } = this;
    for (const folder of [layout.directory, layout.root, layout.volatile, layout.runroot, layout.exits]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    for (const folder of [layout.bin, layout.networks, dirname(layout.socket), join(layout.directory, 'tmp')]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    const iptablesRestore = findProgram(['iptables-restore', 'iptables-nft-restore']);
    const ip6tablesRestore = findProgram(['ip6tables-restore', 'ip6tables-nft-restore']);
    const files = settingsFiles(layout, {
      infraImage: PAUSE_IMAGE,
      ...(iptablesRestore !== undefined && { iptablesRestore }),
      ...(ip6tablesRestore !== undefined && { ip6tablesRestore }),
    });
    for (const file of files) {
      await mkdir(dirname(file.path), { recursive: true, mode: 0o700 });
      await writeFile(file.path, file.content);
      await chmod(file.path, file.mode);
    }
  }

  /** Starts the process and resolves when it answers. A process left by a killed supervisor is ended first. */
  async start(signal?: AbortSignal): Promise<void> {
    await this.prepare();
    await this.#endStale();
    await rm(this.layout.socket, { force: true });
    const { file, args, environment } = this.command();
    const output = openSync(this.layout.log, 'a', 0o600);
    // A session of its own: an interrupt typed at the terminal must not end it before its containers are seen to.
    // conmon leaves a file `oom` in the folder it runs in when a memory limit ends a container.
    const cwd = this.layout.directory;
    const child = spawn(file, args, { cwd, env: environment, stdio: ['ignore', output, output], detached: true });
    closeSync(output);
    this.#child = child;
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (error) => reject(this.#startFailure(reasonOf(error))));
      child.once('exit', (code, by) => reject(this.#startFailure(`it ended at once (${by ?? `status ${code}`})`)));
    });
    failed.catch(() => {}); // also raised when it ends much later, which is then nobody's business here
    if (child.pid !== undefined) await writeFile(this.layout.pidFile, String(child.pid));
    await Promise.race([failed, this.ready(signal)]);
  }

  /** Resolves when the service answers. Throws FermataError `PodmanUnreachable` after 30 s. */
  async ready(signal?: AbortSignal): Promise<void> {
    const client = new PodmanClient(this.layout.socket);
    const deadline = this.#clock.now() + READY_TIMEOUT_MILLISECONDS;
    try {
      for (;;) {
        try {
          await client.call('GET', '/_ping', { ...(signal && { signal }) });
          return;
        } catch (error) {
          if (!(error instanceof PodmanError) || this.#clock.now() > deadline) throw error;
        }
        await this.#clock.sleep(READY_POLL_MILLISECONDS, signal);
      }
    } finally {
      await client.close();
    }
  }

  /** Makes the pause and demo images from the host's files, unless they are there. */
  async ensureImages(signal?: AbortSignal): Promise<void> {
    const client = new PodmanClient(this.layout.socket);
    try {
      await ensureOwnImages(client, signal);
    } finally {
      await client.close();
    }
  }

  /** Ends the service process; containers go on. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) await this.#end(child.pid);
    await rm(this.layout.pidFile, { force: true });
    await rm(this.layout.socket, { force: true });
  }

  /** Ends every container and removes all there is of this Podman: store, mounts, control groups, settings. */
  async destroy(): Promise<void> {
    await this.stop();
    await this.#endStale();
    const group = ContainerCgroup.at(this.layout.cgroupParent);
    const containers = await readdir(join(this.layout.root, 'overlay-containers')).catch(() => []);
    const ids = containers.filter((name) => CONTAINER_ID.test(name));
    await endRestores(ids);
    const bridged = existsSync(join(this.layout.networks, 'netavark.lock'));
    await this.#removeContainers();
    const deadline = this.#clock.now() + STOP_TIMEOUT_MILLISECONDS;
    while (group.processes().length > 0 && this.#clock.now() < deadline) {
      group.kill();
      await this.#clock.sleep(READY_POLL_MILLISECONDS);
    }
    await removeRuncState(ids);
    for (const folder of [this.layout.root, this.layout.volatile]) await detachMountsBelow(folder);
    await rm(this.layout.directory, { recursive: true, force: true });
    await rm(this.layout.volatile, { recursive: true, force: true });
    await rmdir(dirname(this.layout.volatile)).catch(() => {}); // other sandboxes have theirs in it
    removeCgroupTree(this.layout.cgroupParent);
    if (bridged) await removeUnusedChains();
  }

  /** By a short-lived service, so that networks and locks are given back as well. */
  async #removeContainers(): Promise<void> {
    const stored = await readFile(this.layout.containersConf, 'utf8').catch(() => undefined);
    if (stored === undefined) return;
    resumeMonitors((args) => args.includes(this.layout.exits));
    const client = new PodmanClient(this.layout.socket);
    try {
      await this.start();
      const all = await client.call<{ Id: string; Pod?: string }[]>('GET', '/containers/json', {
        query: { all: true },
      });
      const pods = await client.call<{ Id: string }[] | null>('GET', '/pods/json');
      const force = { query: { force: true, timeout: 0, ignore: true } };
      const alone = all.filter((container) => container.Pod === undefined || container.Pod === '');
      const results = await Promise.allSettled([
        ...alone.map(({ Id }) => client.call('DELETE', `/containers/${Id}`, force)),
        ...(pods ?? []).map(({ Id }) => client.call('DELETE', `/pods/${Id}`, force)),
      ]);
      for (const result of results) {
        if (result.status === 'rejected')
          this.#log.warn({ reason: reasonOf(result.reason) }, 'container not removed by Podman');
      }
    } catch (error) {
      this.#log.warn({ reason: reasonOf(error) }, 'Podman could not remove its containers; they are ended directly');
    } finally {
      await client.close();
      await this.stop();
    }
  }

  /** Ends a service of this socket that an earlier supervisor left behind. */
  async #endStale(): Promise<void> {
    for (const pid of processIds((args) => args.includes('service') && args.includes(`unix://${this.layout.socket}`))) {
      this.#log.info({ pid }, 'ending a Podman service left by an earlier run');
      await this.#end(pid);
    }
  }

  async #end(pid: number): Promise<void> {
    const deadline = this.#clock.now() + STOP_TIMEOUT_MILLISECONDS;
    let signal: NodeJS.Signals = 'SIGTERM';
    while (processIds((_, candidate) => candidate === pid).length > 0) {
      if (this.#clock.now() > deadline) signal = 'SIGKILL';
      try {
        process.kill(pid, signal);
      } catch {
        return; // gone between the look and the signal
      }
      await this.#clock.sleep(READY_POLL_MILLISECONDS);
    }
  }

  #startFailure(reason: string): FermataError {
    return new FermataError('PodmanUnreachable', `The Podman service did not start: ${reason}`, {
      nextStep: `Read ${this.layout.log}, and run ./fermata doctor.`,
    });
  }
}

function findProgram(names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const folder of SYSTEM_PATH) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // not in this folder
      }
    }
  }
  return undefined;
}
