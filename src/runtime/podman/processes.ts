import { readdirSync, readFileSync } from 'node:fs';

/** Processes of the machine whose command line fits, zombies left out, in ascending order. */
export function processIds(fits: (args: readonly string[], pid: number) => boolean): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid)) return [];
    const args = commandLine(pid);
    return args !== undefined && fits(args, pid) ? [pid] : [];
  });
}

/** Undefined when the process is gone, a zombie, or a thread of the kernel. */
export function commandLine(pid: number): string[] | undefined {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    args.pop();
    return args.length === 0 ? undefined : args;
  } catch {
    return undefined; // ended between listing and reading
  }
}

export function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces and parentheses itself.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
