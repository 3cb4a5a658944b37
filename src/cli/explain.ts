import type { Command } from 'commander';
import { type ClusterFlags, clusterOptions, podName, withCluster } from './cluster.ts';
import { type OutputFormat, outputOption, printResult } from './output.ts';

export function register(program: Command): void {
  clusterOptions(program.command('explain'))
    .description('say why a pod waits, or why it was interrupted, with the numbers of the decision')
    .argument('<pod>', 'pod/NAME or NAME')
    .addOption(outputOption())
    .action(async (pod: string, flags: ClusterFlags & { output?: OutputFormat }) => {
      const { explainPod, describeExplanation } = await import('./explain-pod.ts');
      const name = podName(pod);
      const explained = await withCluster(flags, (cluster) => explainPod(cluster, name));
      await printResult(explained, flags.output, () => describeExplanation(explained));
    });
}
