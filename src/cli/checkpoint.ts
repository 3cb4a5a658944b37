import type { Command } from 'commander';
import { type ClusterFlags, clusterOptions, podName, withCluster } from './cluster.ts';
import { type OutputFormat, outputOption, printResult } from './output.ts';

export function register(program: Command): void {
  clusterOptions(program.command('checkpoint'))
    .description('take a checkpoint of a running pod; with --stop, stop it there and release its resources')
    .argument('<pod>', 'pod/NAME or NAME')
    .option('--stop', 'stop the pod at the instant of the dump; it is restored when there is room')
    .option('--timeout <seconds>', 'give the dump up after this long; the pod then runs on', '300')
    .addOption(outputOption())
    .action(async (pod: string, flags: ClusterFlags & { stop?: boolean; timeout: string; output?: OutputFormat }) => {
      const { takeCheckpoint, describeCheckpoint, seconds } = await import('./take-checkpoint.ts');
      const name = podName(pod);
      const timeoutSeconds = seconds(flags.timeout, '--timeout');
      const checkpoint = await withCluster(flags, (cluster) =>
        takeCheckpoint(cluster, name, {
          stop: flags.stop === true,
          restore: 'Automatic',
          timeoutSeconds,
        }),
      );
      await printResult(checkpoint, flags.output, () => describeCheckpoint(checkpoint));
    });
}
