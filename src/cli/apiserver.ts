import type { Command } from 'commander';
import { runRole } from './roles.ts';

export function register(program: Command): void {
  program
    .command('apiserver')
    .description('run the API server of a sandbox (not for production: one user, one machine)')
    .requiredOption('--dir <folder>', 'folder of the sandbox')
    .option('--supervised', 'stop when standard input ends')
    .action(async (flags: { dir: string; supervised?: boolean }) => {
      const { startApiServer } = await import('../roles/apiserver.ts');
      await runRole(() => startApiServer(flags.dir), flags);
    });
}
