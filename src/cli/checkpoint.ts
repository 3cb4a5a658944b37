import type { Command } from 'commander';
import { type ClusterFlags, clusterOptions, podName, withCluster } from './cluster.ts';
import { UsageError } from './exit.ts';
import { type OutputFormat, outputOption, printResult } from './output.ts';

export function register(program: Command): void {
  clusterOptions(program.command('checkpoint'))
    .description('take a checkpoint of a running pod, or of several together: all of them or none')
    .argument('[pod]', 'pod/NAME or NAME')
    .option('-l, --selector <labels>', 'checkpoint all pods with these labels as one, e.g. app=ring')
    .option('--stop', 'stop at the instant of the dump and release the resources; restored when there is room')
    .option('--timeout <seconds>', 'give the dump up after this long; everything then runs on', '300')
    .addOption(outputOption())
    .action(
      async (
        pod: string | undefined,
        flags: ClusterFlags & { selector?: string; stop?: boolean; timeout: string; output?: OutputFormat },
      ) => {
        const { selector } = flags;
        if ((pod === undefined) === (selector === undefined)) {
          throw new UsageError(
            'checkpoint takes one pod, or a selector of several: checkpoint NAME, checkpoint -l app=x',
          );
        }
        const { takeCheckpoint, describeCheckpoint, seconds } = await import('./take-checkpoint.ts');
        const timeoutSeconds = seconds(flags.timeout, '--timeout');
        const stop = flags.stop === true;
        if (selector !== undefined) {
          const { takeGroupCheckpoint, describeGroup } = await import('./take-group-checkpoint.ts');
          const group = await withCluster(flags, (cluster) =>
            takeGroupCheckpoint(cluster, selector, { stop, timeoutSeconds }),
          );
          await printResult(group, flags.output, () => describeGroup(group));
          return;
        }
        const name = podName(pod ?? '');
        const checkpoint = await withCluster(flags, (cluster) =>
          takeCheckpoint(cluster, name, { stop, restore: 'Automatic', timeoutSeconds }),
        );
        await printResult(checkpoint, flags.output, () => describeCheckpoint(checkpoint));
      },
    );
}
