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

/** `PF_EXITING` of the kernel's sched.h. */
const EXITING = 0x4;
const KILL_PENDING = 1n << 8n;

/** Whether a process is gone, or killed: it executes nothing any more, though the kernel may still be taking its memory back. */
export function isDying(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', , , , , , flags] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X' || (Number(flags) & EXITING) !== 0) return true;
    const pending = /^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$/gm;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return [...status.matchAll(pending)].some(([, bits]) => (BigInt(`0x${bits}`) & KILL_PENDING) !== 0n);
  } catch {
    return true; // ended between listing and reading
  }
}
