import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Lets a process go on whose container is paused. Container runtimes pause a container for its dump and let it go on afterwards;
 * one that is killed meanwhile does not, and nobody else ever would. Harmless for any other.
 * @param root the node's `/` as seen here
 * @param cgroup `/proc/<pid>/cgroup`
 */
export function thaw(root: string, cgroup: string): void {
  for (const line of cgroup.split('\n')) {
    const [, controllers, path = ''] = /^\d+:([^:]*):(.+)$/.exec(line) ?? [];
    // Never a group that others are in, too.
    if (!/[0-9a-f]{64}/.test(path)) continue;
    if (controllers === 'freezer') set(join(root, 'sys/fs/cgroup/freezer', path, 'freezer.state'), 'FROZEN', 'THAWED');
    if (controllers === '') set(join(root, 'sys/fs/cgroup', path, 'cgroup.freeze'), '1', '0');
  }
}

function set(file: string, from: string, to: string): void {
  try {
    if (readFileSync(file, 'utf8').trim() === from) writeFileSync(file, to, { flag: 'r+' });
  } catch (error) {
    // The group may be gone, and of two hierarchies one may not have it.
    if (!(error instanceof Error && 'code' in error && ['ENOENT', 'ENODEV'].includes(String(error.code)))) throw error;
  }
}
