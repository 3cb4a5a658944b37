import type { Command } from 'commander';
import type { ControllerRoleOptions } from '../roles/index.ts';
import { leaderElectionOptions, roleOptions, runRole } from './roles.ts';

export function register(program: Command): void {
  leaderElectionOptions(roleOptions(program.command('controller')))
    .description('run the controllers: follow checkpoints from Ready to Restored, let old ones go')
    .option(
      '--otlp-endpoint <url>',
      'tell this OpenTelemetry collector (OTLP/HTTP) of interruptions (default: $OTEL_EXPORTER_OTLP_ENDPOINT, else none)',
    )
    .action(async (flags: ControllerRoleOptions & { supervised?: boolean }) => {
      const { startController } = await import('../roles/controller.ts');
      await runRole(() => startController(flags), flags);
    });
}
