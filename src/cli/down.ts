import type { Command } from 'commander';

export function register(program: Command): void {
  program
    .command('down')
    .description('stop a sandbox and remove all of it: processes, containers, images, state')
    .option('--dir <folder>', 'folder of the sandbox (default: ~/.local/state/fermata/sandbox)')
    .option('--keep-state', 'leave the folder, so that `fermata up` brings the objects back')
    .action(async (flags: { dir?: string; keepState?: boolean }) => {
      const { down } = await import('./sandbox-stop.ts');
      await down(flags);
    });
}
