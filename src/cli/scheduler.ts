import type { Command } from 'commander';
import type { SchedulerRoleOptions } from '../roles/index.ts';
import { leaderElectionOptions, roleOptions, runRole } from './roles.ts';

export function register(program: Command): void {
  leaderElectionOptions(roleOptions(program.command('scheduler')))
    .description('run the scheduler: places pods, plans interruptions')
    .option(
      '--scheduler-name <name>',
      'answer to this spec.schedulerName; may be repeated (default: fermata)',
      (name: string, names: string[]) => [...names, name],
      [],
    )
    .option('--config <file>', 'KubeSchedulerConfiguration in YAML: profiles, plugins, weights, arguments')
    .action(async (flags: SchedulerRoleOptions & { schedulerName: string[]; supervised?: boolean }) => {
      const { startScheduler } = await import('../roles/scheduler.ts');
      const { schedulerName, ...options } = flags;
      const names = schedulerName.length === 0 ? {} : { schedulerNames: schedulerName };
      await runRole(() => startScheduler({ ...options, ...names }), flags);
    });
}
