import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type Run, takeSnapshot } from './leaks.ts';

/**
 * Takes away what the run left, after it was reported, so that the next run starts clean: its marked processes, the mounts in
 * its folder, the folder.
 */
export async function cleanUp(run: Run): Promise<void> {
  const left = await takeSnapshot(run);
  for (const entry of left.processes) {
    const pid = Number.parseInt(entry, 10);
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // it ended by itself
    }
  }
  for (const mount of left.mounts.toSorted().reverse()) {
    await promisify(execFile)('umount', ['--lazy', mount]).catch((error: Error) => {
      process.stderr.write(`warning: ${mount} stays mounted: ${error.message}\n`);
    });
  }
  if (left.mounts.length > 0 && (await takeSnapshot(run)).mounts.length > 0) return; // never delete through a mount
  await rm(run.runFolder, { recursive: true, force: true, maxRetries: 3 });
}
