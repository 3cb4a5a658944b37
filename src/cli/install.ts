import type { Command } from 'commander';
import { type ClusterFlags, clusterOptions } from './cluster.ts';
import { type OutputFormat, outputOption } from './output.ts';

export interface InstallFlags extends Omit<ClusterFlags, 'namespace'> {
  namespace?: string;
  image?: string;
  schedulerName?: string;
  agentDirectory?: string;
  dryRun?: boolean;
  output?: OutputFormat;
}

export function register(program: Command): void {
  clusterOptions(program.command('install'))
    .description('install Fermata into a cluster, or upgrade it: definitions, rights, roles, webhook')
    .option('--image <name>', 'container image of all roles, with its tag (default: localhost/fermata:latest)')
    .option('--scheduler-name <name>', 'schedulerName of the pods to be scheduled (default: fermata)')
    .option('--agent-directory <folder>', 'on the nodes, for journal and checkpoints (default: /var/lib/fermata)')
    .option('--dry-run', 'change nothing: show what would be created, or with -o yaml the manifests')
    .addOption(outputOption())
    .action(async (flags: InstallFlags) => {
      const { runInstall } = await import('./install-run.ts');
      await runInstall(flags);
    });
}
