import type { JobUsage, KeptJob } from '../hpc/index.ts';
import { formatAmount } from '../model/index.ts';
import type { SiteFlags } from './hpc.ts';
import { stateOf } from './hpc-jobs.ts';
import { withSite } from './hpc-site.ts';
import { type OutputFormat, printResult, table } from './output.ts';

/** A job that has not ended: what it takes, and for how long it has written nothing. */
interface TopJob extends Omit<KeptJob, 'modified'>, Omit<JobUsage, 'id'> {
  state: string;
  reason: string;
  silentSeconds: number;
}

/** `hpc top`: once, or on a terminal again and again until it is interrupted. */
export async function showHpcTop(flags: SiteFlags & { output?: OutputFormat; interval: string }): Promise<void> {
  await withSite(flags, async (site, clock) => {
    const look = async (): Promise<TopJob[]> => {
      const [kept, listed] = await Promise.all([site.cards(), site.list()]);
      const usage = await site.usage(listed.filter(({ phase }) => phase === 'Running'));
      const active = new Set(listed.filter(({ phase }) => phase !== 'Ended').map(({ id }) => id));
      return kept
        .filter(({ id }) => active.has(id))
        .map(({ modified, ...job }) => ({
          ...job,
          ...stateOf(job, listed),
          ...usage.find(({ id }) => id === job.id),
          silentSeconds: Math.max(0, Math.round((clock.now() - modified) / 1000)),
        }));
    };
    if (flags.output !== undefined || !process.stdout.isTTY) {
      const jobs = await look();
      await printResult(jobs, flags.output, () => text(jobs));
      return;
    }
    const interrupted = new AbortController();
    process.once('SIGINT', () => interrupted.abort());
    while (!interrupted.signal.aborted) {
      const shown = text(await look());
      // Home, then what is left of the last table is cleared.
      process.stdout.write(`\x1b[H\x1b[J${shown}`);
      await clock.sleep(Number(flags.interval) * 1000, interrupted.signal).catch(() => undefined);
    }
  });
}

function text(jobs: readonly TopJob[]): string {
  return table(
    ['JOB', 'NAME', 'STATE', 'REASON', 'CPU TIME', 'MEMORY', 'SILENT'],
    jobs.map(({ id, name, state, reason, cpuSeconds, memoryBytes, silentSeconds }) => [
      id,
      name,
      state,
      reason,
      cpuSeconds === undefined ? '-' : `${Math.round(cpuSeconds)}s`,
      memoryBytes === undefined ? '-' : mebibytes(memoryBytes),
      `${silentSeconds}s`,
    ]),
  );
}

function mebibytes(amount: number): string {
  const whole = Math.ceil(amount / 1024 ** 2) * 1024 ** 2;
  return formatAmount('memory', whole);
}
