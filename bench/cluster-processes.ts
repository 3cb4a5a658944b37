import { readFile } from 'node:fs/promises';

/** What a process has used so far: processor time of all its threads, and memory. */
export interface Usage {
  cpuSeconds: number;
  residentMebibytes: number;
  /** The most that it ever had. */
  peakMebibytes: number;
}

/** Of `/proc/PID/stat`: Linux counts in hundredths of a second, whatever its own clock does. */
const TICKS_PER_SECOND = 100;

export async function usageOf(pid: number): Promise<Usage> {
  const [stat, status] = await Promise.all(['stat', 'status'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8')));
  // Behind the name in parentheses, which may hold anything, comes the third field.
  const fields = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ');
  const mebibytes = (key: string): number =>
    Math.round(Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status ?? '')?.[1]) / 1_024);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    residentMebibytes: mebibytes('VmRSS'),
    peakMebibytes: mebibytes('VmHWM'),
  };
}

export interface Load {
  /** Share of one processor, in percent. */
  cpuPercent: number;
  residentMebibytes: number;
  peakMebibytes: number;
}

/** What the process used while `during` went on. */
export async function loadOf(pid: number, during: () => Promise<unknown>): Promise<Load> {
  const [before, began] = [await usageOf(pid), performance.now()];
  await during();
  const { cpuSeconds, ...memory } = await usageOf(pid);
  const seconds = (performance.now() - began) / 1_000;
  return { cpuPercent: Math.round(((cpuSeconds - before.cpuSeconds) / seconds) * 1_000) / 10, ...memory };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
