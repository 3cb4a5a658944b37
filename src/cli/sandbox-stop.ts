import { existsSync } from 'node:fs';
import { FermataError } from '../model/index.ts';
import { cleanSandbox, createLog } from '../roles/index.ts';
import { isAlive, SandboxDirectory, supervisorOf } from '../sandbox/index.ts';
import { Progress } from './progress.ts';
import { defaultSandboxFolder } from './sandbox-options.ts';

/** What the supervisor gets between SIGTERM and SIGKILL. */
const STOP_MILLISECONDS = 30_000;
const POLL_MILLISECONDS = 50;

export async function down(flags: { dir?: string; keepState?: boolean }): Promise<void> {
  const directory = new SandboxDirectory(flags.dir ?? defaultSandboxFolder());
  if (!existsSync(directory.configurationFile)) {
    throw new FermataError('SandboxNotFound', `there is no sandbox in ${directory.root}`, {
      nextStep: 'name its folder with --dir',
    });
  }
  const progress = new Progress();
  try {
    await stopSupervisor(directory, progress);
    progress.step('removing containers');
    await cleanSandbox(directory, createLog('down', 'warn'));
    if (flags.keepState !== true) directory.remove();
  } finally {
    progress.stop();
  }
  process.stdout.write(
    flags.keepState === true
      ? `sandbox stopped; its state is kept in ${directory.root}\n`
      : `sandbox removed: ${directory.root}\n`,
  );
}

async function stopSupervisor(directory: SandboxDirectory, progress: Progress): Promise<void> {
  const supervisor = supervisorOf(directory);
  if (supervisor === undefined) return;
  progress.step('stopping the sandbox');
  process.kill(supervisor.pid, 'SIGTERM');
  const deadline = Date.now() + STOP_MILLISECONDS;
  while (isAlive(supervisor)) {
    if (Date.now() > deadline) process.kill(supervisor.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  }
}
