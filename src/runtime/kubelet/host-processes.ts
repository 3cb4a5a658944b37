import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HeldConnection, outsideConnections } from '../outside-connections.ts';

/** A process of a pod, as its control group tells. */
export interface HostProcess {
  pid: number;
  podUid: string;
  /** 64 hex digits; absent for what runs beside the containers of a pod. */
  containerId?: string;
}

/** `pod<uid>` of the cgroupfs driver, `…-pod<uid with _>.slice` of systemd's; static pods' UIDs have no dashes. */
const POD = /pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?=[./]|$)/m;
/** `<id>`, `cri-containerd-<id>.scope`, `crio-<id>.scope`. */
const CONTAINER = /(?:[/-])([0-9a-f]{64})(?=[./]|$)/m;
/** CRI-O's monitor of a container is none of its processes. */
const MONITOR = /conmon-[0-9a-f]{64}/;
/** States of proc_pid_stat(5): stopped, traced, zombie, dead. */
const STANDS_STILL = new Set(['T', 't', 'Z', 'X']);

/** The processes of this machine that belong to pods, read from `/proc`. Zombies are left out. */
export class HostProcesses {
  readonly #proc: string;

  /** @param proc default `/proc`: the process needs the node's own PID namespace */
  constructor(proc = '/proc') {
    this.#proc = proc;
  }

  ofPods(): HostProcess[] {
    return this.#pids().flatMap((pid) => {
      const cgroup = this.cgroupOf(pid);
      if (cgroup === undefined) return [];
      const found = podProcess(pid, cgroup);
      return found === undefined || this.#state(pid) === 'Z' ? [] : [found];
    });
  }

  /** What the processes of the pod have open to others than themselves and `members`. */
  outsideConnections(podUid: string, members: readonly string[]): HeldConnection[] {
    const pids = this.ofPods().flatMap((each) => (each.podUid === podUid ? [each.pid] : []));
    return outsideConnections(pids, members, this.#proc);
  }

  /** Whether it executes nothing: stopped by a signal, or ended. */
  standsStill(pid: number): boolean {
    const state = this.#state(pid);
    return state === undefined || STANDS_STILL.has(state);
  }

  /** Anonymous and shared memory, bytes: what a dump has to write. 0 when it is gone. */
  memoryBytes(pid: number): number {
    const status = this.#read(pid, 'status') ?? '';
    let kibibytes = 0;
    for (const [, size] of status.matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm)) kibibytes += Number(size);
    return kibibytes * 1024;
  }

  /** Whether a low-level runtime (`runc checkpoint …`) is dumping the container now. */
  isDumping(containerId: string): boolean {
    return this.#pids().some((pid) => {
      const words = (this.#read(pid, 'cmdline') ?? '').split('\0');
      return words.includes('checkpoint') && words.includes(containerId);
    });
  }

  /** `/proc/<pid>/cgroup`; undefined when it is gone. */
  cgroupOf(pid: number): string | undefined {
    return this.#read(pid, 'cgroup');
  }

  #state(pid: number): string | undefined {
    const stat = this.#read(pid, 'stat');
    // The name in parentheses may hold spaces and parentheses itself.
    return stat?.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  }

  #pids(): number[] {
    return readdirSync(this.#proc)
      .map(Number)
      .filter((pid) => Number.isInteger(pid));
  }

  /** Undefined when the process ended meanwhile. */
  #read(pid: number, file: string): string | undefined {
    try {
      return readFileSync(join(this.#proc, String(pid), file), 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH'].includes(String(error.code)))
        return undefined;
      throw error;
    }
  }
}

/** Pure: whose process this is, by its `/proc/<pid>/cgroup`. */
export function podProcess(pid: number, cgroup: string): HostProcess | undefined {
  const podUid = POD.exec(cgroup)?.[1]?.replaceAll('_', '-');
  if (podUid === undefined || MONITOR.test(cgroup)) return undefined;
  const containerId = CONTAINER.exec(cgroup)?.[1];
  return { pid, podUid, ...(containerId === undefined ? {} : { containerId }) };
}
