import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../clock/index.ts';
import {
  type Access,
  BATCH_SYSTEMS,
  type BatchSite,
  DEFAULT_DIRECTORY,
  findBatchSystem,
  localAccess,
  Site,
  SLURM,
  SlurmRestSite,
  sshAccess,
} from '../hpc/index.ts';
import { UsageError } from './exit.ts';
import type { SiteFlags } from './hpc.ts';

type Flags = SiteFlags & { queueInterval?: string };

/** Runs `work` at the site that the flags name, and closes the connection whatever happens. */
export async function withSite<T>(flags: Flags, work: (site: BatchSite, clock: SystemClock) => Promise<T>): Promise<T> {
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
  let site: BatchSite | undefined;
  try {
    site =
      flags.rest === undefined
        ? await shellSite(flags, access)
        : await restSite(clock, flags.rest, flags, access, socketFolder);
    return await work(site, clock);
  } finally {
    await site?.close();
    await access.close();
    await rm(socketFolder, { recursive: true, force: true });
  }
}

async function shellSite(flags: Flags, access: Access): Promise<Site> {
  if (flags.mountedAt !== undefined) throw new UsageError('--mounted-at belongs to --rest');
  const system = BATCH_SYSTEMS.find(({ name }) => name === flags.scheduler) ?? (await findBatchSystem(access));
  return new Site({
    system,
    access,
    ...(flags.directory === undefined ? {} : { directory: flags.directory }),
    ...intervalOf(flags),
  });
}

/** Files are read by ssh where a login node is named too, or where the folder is mounted here. */
async function restSite(
  clock: SystemClock,
  url: string,
  flags: Flags,
  access: Access,
  ownFolder: string,
): Promise<SlurmRestSite> {
  const { directory, mountedAt, host } = flags;
  if (flags.scheduler !== undefined && flags.scheduler !== SLURM.name) throw new UsageError('--rest is for Slurm');
  if (mountedAt !== undefined && host !== undefined) throw new UsageError('--mounted-at and --host exclude each other');
  if (host === undefined && directory?.startsWith('/') !== true) {
    throw new UsageError(
      '--rest needs an absolute --directory',
      "a folder of the site's shared file system, e.g. --directory /home/alice/.fermata/hpc",
    );
  }
  const canRead = host !== undefined || mountedAt !== undefined;
  const folder = host === undefined ? (mountedAt ?? (await sharedFolder(ownFolder))) : directory;
  const board = new Site({
    system: SLURM,
    access,
    ...(folder === undefined ? {} : { directory: folder }),
    ...intervalOf(flags),
  });
  return new SlurmRestSite(clock, {
    url,
    token: () => tokenOf(flags.tokenFile),
    ...(flags.restUser === undefined ? {} : { user: flags.restUser }),
    ...(host === undefined && directory !== undefined ? { directory } : {}),
    ...(canRead ? { files: board } : {}),
    board,
  });
}

/** Where the site's own folder cannot be reached, connectors share one of this machine; without a home each is for itself. */
async function sharedFolder(otherwise: string): Promise<string> {
  const folder = join(homedir(), DEFAULT_DIRECTORY);
  return await mkdir(folder, { recursive: true, mode: 0o700 }).then(
    () => folder,
    () => otherwise,
  );
}

async function tokenOf(file: string | undefined): Promise<string> {
  const text = file === undefined ? process.env.SLURM_JWT : await readFile(file, 'utf8');
  // As `scontrol token` prints it, or the token alone.
  const token = text?.trim().replace(/^SLURM_JWT=/, '');
  if (token !== undefined && token !== '') return token;
  throw new UsageError('--rest needs a token', 'put it into SLURM_JWT, or name a file: --token-file FILE');
}

function intervalOf({ queueInterval }: Flags): { queueSeconds?: number } {
  return queueInterval === undefined ? {} : { queueSeconds: Number(queueInterval) };
}
