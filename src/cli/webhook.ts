import type { Command } from 'commander';
import type { WebhookRoleOptions } from '../roles/index.ts';
import { UsageError } from './exit.ts';
import { roleOptions, runRole } from './roles.ts';

const collect = (value: string, before: string[]): string[] => [...before, value];

interface Flags extends Omit<WebhookRoleOptions, 'serverNames' | 'schedulerNames'> {
  serverName: string[];
  schedulerName: string[];
  supervised?: boolean;
}

export function register(program: Command): void {
  roleOptions(program.command('webhook'))
    .description(
      "run the admission webhook: a controller's pod in place of a suspended one goes on from its checkpoint",
    )
    .option('-p, --port <port>', 'port to listen on (default: 9443)', port)
    .option('-n, --namespace <name>', 'of its Service and Secret (default: that of this pod, else fermata-system)')
    .option('--service-name <name>', 'the Service by which the API server reaches it', 'fermata-webhook')
    .option('--server-name <name>', 'a further name or address for its certificate; may be repeated', collect, [])
    .option('--configuration-name <name>', 'the MutatingWebhookConfiguration', 'fermata')
    .option('--secret-name <name>', 'the Secret of its certificate', 'fermata-webhook-certificate')
    .option('--scheduler-name <name>', "of Fermata's scheduler; may be repeated (default: fermata)", collect, [])
    .action(async (flags: Flags) => {
      const { startWebhook } = await import('../roles/webhook.ts');
      const { serverName, schedulerName, ...options } = flags;
      const names = schedulerName.length === 0 ? {} : { schedulerNames: schedulerName };
      await runRole(() => startWebhook({ ...options, serverNames: serverName, ...names }), flags);
    });
}

function port(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 65_535) {
    throw new UsageError(`${JSON.stringify(text)} is not a port`);
  }
  return number;
}
