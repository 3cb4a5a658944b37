import { arrayTasks, type BatchSite, followJob, type JobReport, type KeptJob } from '../hpc/index.ts';
import { FermataError } from '../model/index.ts';
import type { SiteFlags } from './hpc.ts';
import { printLog } from './hpc-log.ts';
import { withSite } from './hpc-site.ts';
import { type OutputFormat, printResult, table } from './output.ts';

/** `hpc ls`. */
export async function listHpcJobs(flags: SiteFlags & { output?: OutputFormat }): Promise<void> {
  const jobs = await withSite(flags, async (site) => {
    const [kept, listed] = await Promise.all([site.cards(), site.list()]);
    return kept.map((job) => ({ ...job, ...stateOf(job, listed) }));
  });
  await printResult(jobs, flags.output, () =>
    table(
      ['JOB', 'NAME', 'OWNER', 'STATE', 'REASON'],
      jobs.map(({ id, name, owner, state, reason }) => [id, name, owner, state, reason]),
    ),
  );
}

/** `hpc logs`: what there is, or all of it until the end. */
export async function showHpcLogs(id: string, flags: SiteFlags & { follow?: boolean }): Promise<void> {
  await withSite(flags, async (site, clock) => {
    const { mark, array } = await jobOf(site, id);
    const onLog = printLog();
    if (flags.follow === true) {
      const never = new AbortController().signal;
      const tasks = array === undefined ? {} : { tasks: arrayTasks(array) };
      await followJob({ site, clock, id, mark, ...tasks, onLog, onNotice: () => undefined }, never);
      return;
    }
    const positions = new Map<string, { inode: string; offset: number }>();
    for (;;) {
      const answer = await site.poll(id, mark, positions);
      for (const piece of answer.logs) {
        positions.set(piece.file, piece.position);
        onLog(piece);
      }
      if (answer.logs.length === 0) return;
    }
  });
}

/** `hpc cancel`. */
export async function cancelHpcJobs(ids: readonly string[], flags: SiteFlags): Promise<void> {
  await withSite(flags, (site) => site.cancel(ids));
}

/** `hpc describe`. */
export async function describeHpcJob(id: string, flags: SiteFlags): Promise<void> {
  process.stdout.write(await withSite(flags, (site) => site.describe(id)));
}

async function jobOf(site: BatchSite, id: string): Promise<KeptJob> {
  const job = (await site.cards()).find((one) => one.id === id);
  if (job !== undefined) return job;
  throw new FermataError('JobUnknown', `no job ${id} was submitted from here to ${site.host}`, {
    nextStep: 'fermata hpc ls shows those that were',
  });
}

/** In the batch system's words; of an array how many tasks are in which. */
export function stateOf(job: Pick<KeptJob, 'id'>, listed: readonly JobReport[]): { state: string; reason: string } {
  const reports = listed.filter(({ id }) => id === job.id);
  if (reports.length === 0) return { state: 'ended', reason: '' };
  const states = new Map<string, number>();
  for (const { native } of reports) states.set(native, (states.get(native) ?? 0) + 1);
  return {
    state: [...states].map(([native, n]) => (reports.length === 1 ? native : `${n} ${native}`)).join(', '),
    reason: reports.map((report) => report.reason ?? (report.nodes === undefined ? '' : `on ${report.nodes}`))[0] ?? '',
  };
}
