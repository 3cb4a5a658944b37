import type { Command } from 'commander';
import type { ClusterOptions } from '../roles/index.ts';
import { roleOptions, runRole } from './roles.ts';

export function register(program: Command): void {
  roleOptions(program.command('controller'))
    .description('run the controllers: follow checkpoints from Ready to Restored, let old ones go')
    .action(async (flags: ClusterOptions & { supervised?: boolean }) => {
      const { startController } = await import('../roles/controller.ts');
      await runRole(() => startController(flags), flags);
    });
}
