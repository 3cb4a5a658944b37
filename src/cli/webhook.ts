import type { Command } from 'commander';
import type { WebhookRoleOptions } from '../roles/index.ts';
import { type AdmissionFlags, admissionOptions, collect, roleOptions, runRole } from './roles.ts';

interface Flags extends Omit<WebhookRoleOptions, 'serverNames' | 'schedulerNames'>, AdmissionFlags {
  schedulerName: string[];
}

export function register(program: Command): void {
  admissionOptions(roleOptions(program.command('webhook')), { name: 'fermata-webhook', configuration: 'fermata' })
    .description(
      "run the admission webhook: a controller's pod in place of a suspended one goes on from its checkpoint",
    )
    .option('--scheduler-name <name>', "of Fermata's scheduler; may be repeated (default: fermata)", collect, [])
    .action(async (flags: Flags) => {
      const { startWebhook } = await import('../roles/webhook.ts');
      const { serverName, schedulerName, ...options } = flags;
      const names = schedulerName.length === 0 ? {} : { schedulerNames: schedulerName };
      await runRole(() => startWebhook({ ...options, serverNames: serverName, ...names }), flags);
    });
}
