import type { Command } from 'commander';
import { type ClusterFlags, clusterOptions, withCluster } from './cluster.ts';
import { type OutputFormat, outputOption, printResult } from './output.ts';

export function register(program: Command): void {
  clusterOptions(program.command('timeline'))
    .description('draw what ran where and when, and what was interrupted')
    .option('-A, --all-namespaces', 'pods of all namespaces')
    .option('--width <characters>', 'characters a line (default: the terminal)')
    .addOption(outputOption())
    .action(async (flags: ClusterFlags & { allNamespaces?: boolean; width?: string; output?: OutputFormat }) => {
      const { PODS, POD_CHECKPOINTS } = await import('../model/index.ts');
      const { recordedTransitions, renderTimeline } = await import('../timeline/index.ts');
      const { UsageError } = await import('./exit.ts');
      const width = Number(flags.width ?? (process.stdout.columns || 100));
      if (!Number.isInteger(width) || width < 1)
        throw new UsageError(`--width takes a number of characters, not "${flags.width}"`);
      const transitions = await withCluster(flags, async ({ store, namespace }) => {
        const options = flags.allNamespaces === true ? {} : { namespace };
        const [pods, checkpoints] = await Promise.all([
          store.list(PODS, options),
          store.list(POD_CHECKPOINTS, options),
        ]);
        return recordedTransitions(pods.items, checkpoints.items);
      });
      await printResult(transitions, flags.output, () => renderTimeline(transitions, { now: Date.now(), width }));
    });
}
