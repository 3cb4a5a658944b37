import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FermataError } from '../../model/index.ts';
import { HOOK, VOLATILE_FOLDER } from './hold-hook.ts';
import type { HostProcesses } from './host-processes.ts';
import { unlockTcp } from './tcp-lock.ts';

export interface ReturnsParts {
  processes: HostProcesses;
  /** Sends a signal; a process that is gone is fine. */
  signal(pid: number, name: 'SIGCONT'): void;
  /** Lets TCP through again in the namespace of that process, or gives why not. Default: the node's hook does. */
  unlock?(pid: number): Promise<string | undefined>;
}

/**
 * Pods that a kubelet restores, of which nothing is to run before all of it does: CRIU's hook stops what it brings back of them
 * ({@link returnHook}), and they stand still until they are let go. Survives this process, not a boot.
 */
export class Returns {
  readonly #parts: ReturnsParts;
  readonly #folder: string;
  readonly #unlock: (pid: number) => Promise<string | undefined>;

  /** @param root the node's `/` as seen here */
  constructor(parts: ReturnsParts, root: string) {
    this.#parts = parts;
    this.#folder = join(root, VOLATILE_FOLDER, 'returns');
    this.#unlock = parts.unlock ?? ((pid) => unlockTcp(root, HOOK, pid));
  }

  /** From now on what is restored of the pod stands still. Idempotent. */
  async request(podUid: string): Promise<void> {
    await mkdir(join(this.#folder, podUid), { recursive: true, mode: 0o700 });
  }

  /** UIDs of pods of which that was asked. */
  pods(): Promise<string[]> {
    return list(this.#folder);
  }

  /** Throws FermataError `PodNotRunning` for one of them. */
  async mustNotHold(podUid: string): Promise<void> {
    if (!(await this.pods()).includes(podUid)) return;
    throw new FermataError(
      'PodNotRunning',
      `Pod ${podUid} is back, and stands still until all are that go on with it`,
      {
        nextStep: 'Checkpoint it when it is Restored.',
      },
    );
  }

  /** Ids of containers that the hook has stopped. */
  async stopped(podUid: string): Promise<string[]> {
    const files = await list(join(this.#folder, podUid));
    return files.flatMap((file) => (file.endsWith('.back') ? [file.slice(0, -'.back'.length)] : []));
  }

  /**
   * Ids of those of which every process is seen standing still, out of CRIU's hands: CRIU is among them until it has ended. Of a pod that
   * was on its way to be let go, all.
   */
  async back(podUid: string): Promise<string[]> {
    const { processes } = this.#parts;
    const stopped = await this.stopped(podUid);
    if (stopped.length === 0 || (await list(join(this.#folder, podUid))).includes('released')) return stopped;
    const present = processes.ofPods();
    return stopped.filter((id) => {
      const own = present.filter(({ containerId }) => containerId === id);
      return own.length > 0 && own.every(({ pid }) => processes.standsStill(pid));
    });
  }

  /** The pod goes on, its network first. Throws FermataError `RestoreFailed` while it cannot; to be tried again. */
  async release(podUid: string): Promise<void> {
    const { processes, signal } = this.#parts;
    const folder = join(this.#folder, podUid);
    const files = await list(folder);
    const ids = new Set(files.flatMap((file) => (file.endsWith('.back') ? [file.slice(0, -'.back'.length)] : [])));
    const own = processes.ofPods().filter(({ containerId }) => containerId !== undefined && ids.has(containerId));
    const [first] = own;
    if (files.includes('locked') && first !== undefined) {
      const failure = await this.#unlock(first.pid);
      if (failure !== undefined) {
        throw new FermataError('RestoreFailed', `TCP of pod ${podUid} cannot be let through again: ${failure}`);
      }
    }
    // A container that the kubelet starts again from now on is none that is waited for.
    if (files.length > 0) await writeFile(join(folder, 'released'), '');
    for (const { pid } of own) signal(pid, 'SIGCONT');
    await this.forget(podUid);
  }

  /** The pod is gone. */
  async forget(podUid: string): Promise<void> {
    await rm(join(this.#folder, podUid), { recursive: true, force: true });
  }
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
