import { type Command, Option } from 'commander';
import { type ClusterFlags, clusterOptions } from './cluster.ts';
import { type OutputFormat, outputOption } from './output.ts';

export interface InstallFlags extends Omit<ClusterFlags, 'namespace'> {
  namespace?: string;
  image?: string;
  schedulerName?: string;
  agentDirectory?: string;
  store?: string;
  allowStore?: string[];
  keysSecret?: string;
  recipients?: string;
  s3Credentials?: string;
  registryCredentials?: string;
  localCopies?: string;
  diskHigh?: string;
  dryRun?: boolean;
  output?: OutputFormat;
}

export function register(program: Command): void {
  clusterOptions(program.command('install'))
    .description('install Fermata into a cluster, or upgrade it: definitions, rights, roles, webhook')
    .option('--image <name>', 'container image of all roles, with its tag (default: localhost/fermata:latest)')
    .option('--scheduler-name <name>', 'schedulerName of the pods to be scheduled (default: fermata)')
    .option('--agent-directory <folder>', 'on the nodes, for journal and checkpoints (default: /var/lib/fermata)')
    .option('--store <url>', 'agents copy checkpoints there: s3://BUCKET/PREFIX, oci://REGISTRY/REPOSITORY')
    .option('--allow-store <url...>', 'further stores that policies may name; with --store')
    .option('--keys-secret <name>', 'Secret with the files of `fermata keys create` (default: fermata-keys)')
    .option('--recipients <name>', 'ConfigMap whose recipients.txt says who can read what is stored; with --store')
    .option('--s3-credentials <name>', 'Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; with --store')
    .option('--registry-credentials <name>', 'Secret of type kubernetes.io/dockerconfigjson; with --store')
    .addOption(
      new Option(
        '--local-copies <keep|wipe>',
        'wipe: data leaves the nodes once the store has it; with --store',
      ).choices(['keep', 'wipe']),
    )
    .option(
      '--disk-high <percent>',
      'above it what the store has goes from the disks of the nodes, the oldest first; with --store',
    )
    .option('--dry-run', 'change nothing: show what would be created, or with -o yaml the manifests')
    .addOption(outputOption())
    .action(async (flags: InstallFlags) => {
      const { runInstall } = await import('./install-run.ts');
      await runInstall(flags);
    });
}
