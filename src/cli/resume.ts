import type { Command } from 'commander';
import { type ClusterFlags, clusterOptions, podName, withCluster } from './cluster.ts';
import { type OutputFormat, outputOption, printResult } from './output.ts';

export function register(program: Command): void {
  clusterOptions(program.command('resume'))
    .description('let a suspended pod go on from its checkpoint')
    .argument('<pod>', 'pod/NAME or NAME')
    .option('--wait', 'return only when it runs again')
    .option('--timeout <seconds>', 'with --wait: give up waiting after this long', '300')
    .addOption(outputOption())
    .action(async (pod: string, flags: ClusterFlags & { wait?: boolean; timeout: string; output?: OutputFormat }) => {
      const { resumePod } = await import('./resume-pod.ts');
      const { seconds } = await import('./take-checkpoint.ts');
      const name = podName(pod);
      const timeoutSeconds = seconds(flags.timeout, '--timeout');
      const result = await withCluster(flags, (cluster) =>
        resumePod(cluster, name, { wait: flags.wait === true, timeoutSeconds }),
      );
      await printResult(result, flags.output, () => `pod/${result.pod} ${result.state}\n`);
    });
}
