import type { Command } from 'commander';
import { type ClusterFlags, clusterOptions, podName, withCluster } from './cluster.ts';
import { type OutputFormat, outputOption, printResult } from './output.ts';

export function register(program: Command): void {
  clusterOptions(program.command('suspend'))
    .description('checkpoint a pod, release its resources and hold it until `fermata resume`')
    .argument('<pod>', 'pod/NAME or NAME')
    .option('--timeout <seconds>', 'give the dump up after this long; the pod then runs on', '300')
    .addOption(outputOption())
    .action(async (pod: string, flags: ClusterFlags & { timeout: string; output?: OutputFormat }) => {
      const { takeCheckpoint, describeCheckpoint, seconds } = await import('./take-checkpoint.ts');
      const name = podName(pod);
      const timeoutSeconds = seconds(flags.timeout, '--timeout');
      const checkpoint = await withCluster(flags, (cluster) =>
        takeCheckpoint(cluster, name, {
          stop: true,
          restore: 'Manual',
          timeoutSeconds,
        }),
      );
      await printResult(checkpoint, flags.output, () => describeCheckpoint(checkpoint));
    });
}
