import { findGarbage, type KeptJob } from '../hpc/index.ts';
import { JOBS, parseDuration } from '../model/index.ts';
import { withCluster } from './cluster.ts';
import type { SiteFlags } from './hpc.ts';
import { withSite } from './hpc-site.ts';

/** `hpc gc`. A cluster that does not answer makes no orphans: the command fails then. */
export async function collectHpcGarbage(
  flags: SiteFlags & { kubeconfig?: string; olderThan: string; dryRun?: boolean },
): Promise<void> {
  const olderThan = parseDuration(flags.olderThan);
  const jobUids = await withCluster(
    flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig },
    async ({ store }) => new Set((await store.list(JOBS)).items.map(({ metadata }) => metadata.uid)),
  );
  await withSite(flags, async (site, clock) => {
    // The list is younger than the cards: a job that is not in it has ended.
    const kept = await site.cards();
    const { orphans, stale } = findGarbage(kept, await site.list(), jobUids, { now: clock.now(), olderThan });
    const would = flags.dryRun === true ? 'would be ' : '';
    for (const job of orphans) say(job, `${would}cancelled: the Job it stands for is gone`);
    for (const job of stale) say(job, `${would}forgotten: it ended and nobody has written to its folder for long`);
    if (flags.dryRun === true) return;
    if (orphans.length > 0) await site.cancel(orphans.map(({ id }) => id));
    for (const { mark } of stale) await site.forget(mark);
  });
}

function say({ id, name, owner }: KeptJob, what: string): void {
  process.stdout.write(`job ${id} (${name} of ${owner}) ${what}\n`);
}
