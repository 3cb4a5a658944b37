import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { FermataError } from '../model/index.ts';
import type { BatchSite } from './batch-site.ts';

/** Files that go with a job, and files that come back. */
export interface Staging {
  /** Local folder that paths are relative to, and that results are unpacked in. */
  folder: string;
  /** Local files and folders, brought to the folder the job runs in. */
  in: readonly string[];
  /** Shell patterns in the folder the job ran in; what they match is brought back once it has ended. */
  out: readonly string[];
}

/**
 * Brings the files there, once: a next incarnation finds them, and does not overwrite what the job made of them.
 *
 * @throws FermataError `StagingFailed` when a local file cannot be read; `SiteUnreachable` when trying again may help
 */
export async function stageIn(site: BatchSite, mark: string, staging: Staging, signal: AbortSignal): Promise<void> {
  if (await site.isStaged(mark, signal)) return;
  const { folder, in: paths } = staging;
  const tar = spawn('tar', ['-C', folder, '-c', '-f', '-', '--', ...paths], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  await bothEnds(tar, signal, (both) => site.receiveFiles(mark, tar.stdout, both));
  await site.acceptFiles(mark, signal);
}

/** Brings results back. A transfer that breaks off is begun anew by the next call. */
export async function stageOut(site: BatchSite, mark: string, staging: Staging, signal: AbortSignal): Promise<void> {
  const { folder, out: patterns } = staging;
  const options = ['--no-same-owner', '--no-same-permissions', '--no-overwrite-dir'];
  const tar = spawn('tar', ['-C', folder, '-x', '-f', '-', ...options], { stdio: ['pipe', 'ignore', 'pipe'], signal });
  // It says itself why it takes no more.
  tar.stdin.on('error', () => undefined);
  await bothEnds(tar, signal, (both) => site.sendFiles(mark, patterns, tar.stdin, both));
}

/** Waits for tar here and the transfer; when one fails the other is ended, and the first one's reason is told. */
async function bothEnds(
  tar: ReturnType<typeof spawn>,
  signal: AbortSignal,
  transfer: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const here = endOf(tar);
  here.catch((error: unknown) => failed.abort(error));
  try {
    await transfer(AbortSignal.any([signal, failed.signal]));
  } catch (error) {
    tar.kill('SIGKILL');
    await here.catch(() => undefined);
    throw error;
  }
  await here;
}

async function endOf(tar: ReturnType<typeof spawn>): Promise<void> {
  let said = '';
  tar.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [status] = (await once(tar, 'close')) as [number | null];
  if (status !== 0) {
    throw new FermataError('StagingFailed', `files could not be staged: ${said.trim() || 'tar was ended'}`, {
      nextStep: 'see that the files of --stage-in exist, and that there is room for those of --stage-out',
    });
  }
}
