import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import type { Log } from '../../model/index.ts';
import { HOOK, VOLATILE_FOLDER } from './hold-hook.ts';
import type { HostProcess, HostProcesses } from './host-processes.ts';
import { thaw } from './pause.ts';
import { unlockTcp } from './tcp-lock.ts';

/** How soon to look again whether a dump that nobody waits for any more has ended. */
const ORPHAN_POLL_MILLISECONDS = 50;

export interface HoldsParts {
  clock: Clock;
  processes: HostProcesses;
  /** Sends a signal; a process that is gone is fine. */
  signal(pid: number, name: 'SIGCONT'): void;
  log: Log;
  /** Lets TCP through again in the namespace of that process, or gives why not. Default: the node's hook does. */
  unlock?(pid: number): Promise<string | undefined>;
}

/** Pods that stand still behind their dump, or will as soon as it is complete; see the hook. Survives this process, not a boot. */
export class Holds {
  readonly #parts: HoldsParts;
  readonly #root: string;
  readonly #folder: string;
  readonly #unlock: (pid: number) => Promise<string | undefined>;

  /** @param root the node's `/` as seen here */
  constructor(parts: HoldsParts, root: string) {
    this.#parts = parts;
    this.#root = root;
    this.#folder = join(root, VOLATILE_FOLDER, 'holds');
    this.#unlock = parts.unlock ?? ((pid) => unlockTcp(root, HOOK, pid));
  }

  /**
   * From now on these containers, all of one pod, are held when they are dumped. `together`: how many dumps the hook has begin before
   * it lets one go on; 1 where whoever dumps has paused all of them first.
   */
  async request(podUid: string, containerIds: readonly string[], together = containerIds.length): Promise<void> {
    const folder = join(this.#folder, podUid);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, 'count'), `${together}\n`);
    for (const id of containerIds) await writeFile(join(folder, `${id}.requested`), '');
  }

  /** UIDs of pods of which something was asked. */
  async pods(): Promise<string[]> {
    return (await list(this.#folder)) ?? [];
  }

  /** When the hold was asked for, ms since the epoch. */
  async since(podUid: string): Promise<number | undefined> {
    try {
      return (await stat(join(this.#folder, podUid, 'count'))).mtimeMs;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Ids of containers of the pod whose processes the hook has stopped. */
  async stopped(podUid: string): Promise<string[]> {
    const files = (await list(join(this.#folder, podUid))) ?? [];
    return files.flatMap((file) => (file.endsWith('.stopped') ? [file.slice(0, -'.stopped'.length)] : []));
  }

  /** Ids of containers of the pod whose dump has begun, and waited for that of the others. */
  async reached(podUid: string): Promise<string[]> {
    const files = (await list(join(this.#folder, podUid))) ?? [];
    return files.flatMap((file) => (file.endsWith('.reached') ? [file.slice(0, -'.reached'.length)] : []));
  }

  /** The dump does not count, or the pod is to run on: once no dump of it is under way any more, every process goes on. */
  async release(podUid: string): Promise<void> {
    const folder = join(this.#folder, podUid);
    const files = (await list(folder)) ?? [];
    for (const file of files) if (file.endsWith('.requested')) await rm(join(folder, file), { force: true });
    const ids = new Set(files.map((file) => file.split('.')[0] ?? '').filter((id) => id.length === 64));
    for (const id of ids) await this.dumpEnded(id);
    const own = this.#parts.processes
      .ofPods()
      .filter(({ containerId }) => containerId !== undefined && ids.has(containerId));
    await this.#unlockOf(podUid, own);
    for (const { pid } of own) {
      thaw(this.#root, this.#parts.processes.cgroupOf(pid) ?? '');
      this.#parts.signal(pid, 'SIGCONT');
    }
    await this.forget(podUid);
  }

  async #unlockOf(podUid: string, [first]: readonly HostProcess[]): Promise<void> {
    if (first === undefined || !((await list(join(this.#folder, podUid))) ?? []).includes('locked')) return;
    const failure = await this.#unlock(first.pid);
    // Its processes go on all the same: what was not to stop them must not.
    if (failure !== undefined) this.#parts.log.error({ podUid, reason: failure }, 'TCP of a pod stays locked');
  }

  /** Nothing of the pod is left to hold. */
  async forget(podUid: string): Promise<void> {
    await rm(join(this.#folder, podUid), { recursive: true, force: true });
  }

  /** CRIU cannot be cut off without harm to what it dumps: it is waited for. */
  async dumpEnded(containerId: string): Promise<void> {
    while (this.#parts.processes.isDumping(containerId)) await this.#parts.clock.sleep(ORPHAN_POLL_MILLISECONDS);
  }
}

async function list(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
