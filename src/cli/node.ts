import type { Command } from 'commander';
import { runRole } from './roles.ts';

export function register(program: Command): void {
  program
    .command('node')
    .description('run the nodes of a sandbox with their agents (not for production: they share one machine)')
    .requiredOption('--dir <folder>', 'folder of the sandbox')
    .option('--supervised', 'stop when standard input ends')
    .action(async (flags: { dir: string; supervised?: boolean }) => {
      const { startNodes } = await import('../roles/node.ts');
      await runRole(() => startNodes(flags.dir, program.version() ?? 'unknown'), flags);
    });
}
