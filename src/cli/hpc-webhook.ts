import type { Command } from 'commander';
import type { AdmissionRoleOptions } from '../roles/index.ts';
import { UsageError } from './exit.ts';
import { type AdmissionFlags, admissionOptions, roleOptions, runRole } from './roles.ts';

interface Flags extends Omit<AdmissionRoleOptions, 'serverNames'>, AdmissionFlags {
  image: string;
  host: string;
  secret: string;
  overflowAfter: string;
}

/** `hpc webhook`. */
export function registerHpcWebhook(hpc: Command): void {
  const defaults = { name: 'fermata-hpc-webhook', configuration: 'fermata-hpc' };
  admissionOptions(roleOptions(hpc.command('webhook')), defaults)
    .description('let Jobs that bear the label fermata.dev/hpc (can, must, overflow) go out to an HPC site')
    .option('--image <image>', "Fermata's image, for the connector's pods", 'localhost/fermata:latest')
    .option('--host <name>', "login node: a host of the Secret's ssh configuration", 'login')
    .option('--secret <name>', "Secret in each Job's namespace: config, key, known_hosts", 'hpc-ssh')
    .option('--overflow-after <duration>', 'overflow: how long a pod waits for room in the cluster', '5m')
    .action(async (flags: Flags) => {
      const { parseDuration } = await import('../model/index.ts');
      const { image, host, secret, serverName, overflowAfter, ...options } = flags;
      const after = parseDuration(overflowAfter);
      if (after < 0) throw new UsageError('--overflow-after is not below 0');
      const { startHpcWebhook } = await import('../roles/hpc-webhook.ts');
      const connector = { image, host, secret };
      await runRole(
        () => startHpcWebhook({ ...options, serverNames: serverName, connector, overflowAfter: after }),
        flags,
      );
    });
}
