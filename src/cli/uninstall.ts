import { type Command, Option } from 'commander';
import { type ClusterFlags, clusterOptions } from './cluster.ts';

export interface UninstallFlags extends ClusterFlags {
  suspended?: 'keep' | 'discard';
  timeout: string;
}

export function register(program: Command): void {
  clusterOptions(program.command('uninstall'))
    .description('take Fermata out of a cluster; refused while a workload is suspended, unless told what becomes of it')
    .addOption(
      new Option(
        '--suspended <what>',
        'keep: their pods wait for the next installation; discard: give them up',
      ).choices(['keep', 'discard']),
    )
    .option('--timeout <seconds>', "for the agents, to remove checkpoints' data", '60')
    .action(async (flags: UninstallFlags) => {
      const { runUninstall } = await import('./install-run.ts');
      await runUninstall(flags);
    });
}
