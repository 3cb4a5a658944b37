import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenFile, ProcessInContainer } from './dump-hindrance.ts';

/** `<id>`, `cri-containerd-<id>.scope`, `crio-<id>.scope`, `libpod-<id>`. */
const CONTAINER = /[/-]([0-9a-f]{64})(?=[./]|$)/m;
/** Monitors of containers, which engines keep in a control group of the same name, are none of their processes. */
const MONITOR = /conmon-[0-9a-f]{64}/;
/** `USER_HZ`, in which proc_pid_stat(5) counts: 100 on every architecture there are containers for. */
const TICKS_PER_SECOND = 100;
/** What is gone, or was never ours to read, is no process to look at. */
const GONE = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR']);

/**
 * The processes of those containers, by container id, as `/proc` shows them now. Devices are looked for below `/dev` only: to look
 * at any other file could wait for a server that does not answer.
 *
 * @param proc default `/proc`: the process needs the machine's own PID namespace, and root
 */
export function processesOf(containerIds: ReadonlySet<string>, proc = '/proc'): Map<string, ProcessInContainer[]> {
  const found = new Map<string, ProcessInContainer[]>();
  if (containerIds.size === 0) return found;
  const uptimeSeconds = Number(read(join(proc, 'uptime'))?.split(' ')[0] ?? 0);
  for (const name of readdirSync(proc)) {
    if (!/^\d+$/.test(name)) continue;
    const folder = join(proc, name);
    const cgroup = read(join(folder, 'cgroup')) ?? '';
    const id = CONTAINER.exec(cgroup)?.[1];
    if (id === undefined || !containerIds.has(id) || MONITOR.test(cgroup)) continue;
    const seen = processIn(folder, Number(name), uptimeSeconds);
    if (seen === undefined) continue;
    const others = found.get(id);
    if (others === undefined) found.set(id, [seen]);
    else others.push(seen);
  }
  return found;
}

function processIn(folder: string, pid: number, uptimeSeconds: number): ProcessInContainer | undefined {
  const stat = read(join(folder, 'stat'));
  if (stat === undefined) return undefined;
  // The name in parentheses may hold spaces and parentheses itself.
  const end = stat.lastIndexOf(')');
  const fields = stat.slice(end + 2).split(' ');
  const [state, parent] = fields;
  if (state === 'Z' || state === 'X') return undefined;
  const namespaces = /^NSpid:\s+(.*)$/m.exec(read(join(folder, 'status')) ?? '')?.[1]?.split(/\s+/) ?? [];
  return {
    pid,
    parent: Number(parent),
    name: stat.slice(stat.indexOf('(') + 1, end),
    isInit: namespaces.length > 1 && namespaces.at(-1) === '1',
    ageSeconds: uptimeSeconds - Number(fields[19]) / TICKS_PER_SECOND,
    files: openFiles(join(folder, 'fd')),
  };
}

function openFiles(folder: string): OpenFile[] {
  const names = attempt(() => readdirSync(folder)) ?? [];
  return names.flatMap((name) => {
    const path = join(folder, name);
    const target = attempt(() => readlinkSync(path));
    if (target === undefined) return [];
    const status = target.startsWith('/dev/') ? attempt(() => statSync(path)) : undefined;
    if (status === undefined || !(status.isCharacterDevice() || status.isBlockDevice())) return [{ target }];
    const type = status.isBlockDevice() ? 'block' : 'character';
    return [{ target, device: { type, ...numbersOf(status.rdev) } }];
  });
}

/** `gnu_dev_major` and `gnu_dev_minor`, for numbers that fit in 32 bits, as the kernel's do. */
function numbersOf(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}

function read(path: string): string | undefined {
  return attempt(() => readFileSync(path, 'utf8'));
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && 'code' in error && GONE.has(String(error.code))) return undefined;
    throw error;
  }
}
