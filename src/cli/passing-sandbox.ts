import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../model/index.ts';
import { createLog, type RunningSandbox, startSandbox } from '../roles/index.ts';
import type { SandboxConfiguration } from '../sandbox/index.ts';
import { abortOnInterrupt } from './interrupt.ts';
import { Progress } from './progress.ts';

export interface PassingSandbox {
  sandbox: RunningSandbox;
  /** For what pods write; absolute, not made yet. */
  outputs: string;
  log: Log;
  progress: Progress;
  /** Aborts on Ctrl-C. */
  signal: AbortSignal;
}

/** Runs `work` in a sandbox that is there only for it: whatever happens, nothing of it is left. `command` names it in paths and logs. */
export async function inPassingSandbox<T>(
  command: string,
  configuration: SandboxConfiguration,
  work: (parts: PassingSandbox) => Promise<T>,
): Promise<T> {
  const interrupt = abortOnInterrupt();
  const { signal } = interrupt;
  const folder = await mkdtemp(join(tmpdir(), `fermata-${command}-`));
  const progress = new Progress();
  try {
    progress.step('starting a cluster on this machine');
    const log = createLog(command, 'warn');
    const sandbox = await startSandbox({ directory: join(folder, 'sandbox'), configuration, log, signal });
    progress.stop();
    try {
      return await work({ sandbox, outputs: join(folder, 'outputs'), log, progress, signal });
    } finally {
      progress.step('removing the cluster');
      await sandbox.stop();
    }
  } finally {
    progress.stop();
    interrupt.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}
