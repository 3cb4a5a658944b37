import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../clock/index.ts';
import { BATCH_SYSTEMS, type BatchSite, findBatchSystem, localAccess, Site, sshAccess } from '../hpc/index.ts';
import type { SiteFlags } from './hpc.ts';

/** Runs `work` at the site that the flags name, and closes the connection whatever happens. */
export async function withSite<T>(
  flags: SiteFlags & { queueInterval?: string },
  work: (site: BatchSite, clock: SystemClock) => Promise<T>,
): Promise<T> {
  const clock = new SystemClock();
  // The socket of ssh's kept-alive connection is as good as the key: a folder of our own, private.
  const socketFolder = await mkdtemp(join(tmpdir(), 'fermata-ssh-'));
  const access =
    flags.host === undefined
      ? localAccess(clock)
      : sshAccess(clock, {
          host: flags.host,
          socketFolder,
          ...(flags.sshConfig === undefined ? {} : { configFile: flags.sshConfig }),
        });
  try {
    const system = BATCH_SYSTEMS.find(({ name }) => name === flags.scheduler) ?? (await findBatchSystem(access));
    const site = new Site({
      system,
      access,
      ...(flags.directory === undefined ? {} : { directory: flags.directory }),
      ...(flags.queueInterval === undefined ? {} : { queueSeconds: Number(flags.queueInterval) }),
    });
    return await work(site, clock);
  } finally {
    await access.close();
    await rm(socketFolder, { recursive: true, force: true });
  }
}
