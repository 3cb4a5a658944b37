import { readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MOUNT = '/sys/fs/cgroup';

/**
 * The control groups of one container, on the unified hierarchy (v2) or with one folder a controller (v1, hybrid). Small
 * kernel files: read synchronously, each takes microseconds.
 */
export class ContainerCgroup {
  readonly #paths: ReadonlyMap<string, string>;

  private constructor(paths: ReadonlyMap<string, string>) {
    this.#paths = paths;
  }

  /** @param cgroupsPath `linux.cgroupsPath` of the container's OCI configuration, as the cgroupfs driver takes it */
  static at(cgroupsPath: string): ContainerCgroup {
    return new ContainerCgroup(new Map(hierarchies().map(([name, root]) => [name, join(root, cgroupsPath)])));
  }

  /** Every process in it or below it. */
  processes(): number[] {
    const found = new Set<number>();
    for (const path of new Set(this.#candidates(['unified', 'freezer', 'pids', 'memory', 'cpu']))) {
      for (const file of walk(path)) {
        for (const line of (readText(join(file, 'cgroup.procs')) ?? '').split('\n'))
          if (line !== '') found.add(Number(line));
      }
    }
    return [...found];
  }

  isFrozen(): boolean {
    for (const path of this.#candidates(['freezer'])) {
      const state = readText(join(path, 'freezer.state'));
      if (state !== undefined) return state.trim() !== 'THAWED';
    }
    for (const path of this.#candidates(['unified'])) {
      const freeze = readText(join(path, 'cgroup.freeze'));
      if (freeze !== undefined) return freeze.trim() === '1';
    }
    return false;
  }

  /** Stops every process where it is: asked of the kernel, which does it within milliseconds. Harmless when the group is gone. */
  freeze(): void {
    for (const path of this.#candidates(['freezer'])) writeText(join(path, 'freezer.state'), 'FROZEN');
    for (const path of this.#candidates(['unified'])) {
      if (readText(join(path, 'cgroup.freeze')) !== undefined) writeText(join(path, 'cgroup.freeze'), '1');
    }
  }

  /** Lets frozen processes go on. Harmless when they are not frozen or the group is gone. */
  thaw(): void {
    for (const path of this.#candidates(['freezer'])) writeText(join(path, 'freezer.state'), 'THAWED');
    for (const path of this.#candidates(['unified'])) {
      if (readText(join(path, 'cgroup.freeze')) !== undefined) writeText(join(path, 'cgroup.freeze'), '0');
    }
  }

  /** SIGKILL to every process; frozen ones die when thawed, without executing one more instruction. */
  kill(): void {
    for (const pid of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
    this.thaw();
  }

  /** Anonymous and shared memory of the processes, in bytes: what a dump has to write. Page cache does not count. */
  memoryBytes(): number | undefined {
    for (const path of this.#candidates(['memory', 'unified'])) {
      const text = readText(join(path, 'memory.stat'));
      if (text === undefined) continue;
      const figures = new Map(text.split('\n').map((line) => line.split(' ') as [string, string]));
      const anonymous = figures.get('total_rss') ?? figures.get('anon');
      const shared = figures.get('total_shmem') ?? figures.get('shmem') ?? '0';
      if (anonymous !== undefined) return Number(anonymous) + Number(shared);
    }
    return undefined;
  }

  /** Whether the memory limit ended a process; undefined when the group is already gone. */
  outOfMemory(): boolean | undefined {
    for (const path of this.#candidates(['memory', 'unified'])) {
      const text = readText(join(path, 'memory.oom_control')) ?? readText(join(path, 'memory.events'));
      const count = text === undefined ? undefined : /^oom_kill (\d+)$/m.exec(text)?.[1];
      if (count !== undefined) return Number(count) > 0;
    }
    return undefined;
  }

  #candidates(names: readonly string[]): string[] {
    return names.flatMap((name) => this.#paths.get(name) ?? []);
  }
}

/** Removes a group and everything below it from every hierarchy; the groups must be empty of processes. */
export function removeCgroupTree(cgroupsPath: string): void {
  for (const [, root] of hierarchies()) {
    for (const path of walk(join(root, cgroupsPath)).reverse()) {
      try {
        rmdirSync(path);
      } catch (error) {
        if (!isGone(error) && !isBusy(error)) throw error;
      }
    }
  }
}

/** Name → root: `unified` for v2, else the controllers. */
function hierarchies(): [string, string][] {
  if (readText(join(MOUNT, 'cgroup.controllers')) !== undefined) return [['unified', MOUNT]];
  return listDirectories(MOUNT).map((name) => [name, join(MOUNT, name)]);
}

function walk(path: string): string[] {
  return [path, ...listDirectories(path).flatMap((name) => walk(join(path, name)))];
}

function listDirectories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function writeText(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'r+' });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** A container may end between two looks: no folder, no device behind the open file, no process. */
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV', 'ESRCH', 'ENOTDIR'].includes(String(codeOf(error)));
}

function isBusy(error: unknown): boolean {
  return ['EBUSY', 'ENOTEMPTY'].includes(String(codeOf(error)));
}
