import type { Command } from 'commander';
import { type ClusterFlags, clusterOptions, withCluster } from './cluster.ts';
import { UsageError } from './exit.ts';
import { type OutputFormat, outputOption, printResult, table } from './output.ts';

const CHECKPOINTS = ['checkpoints', 'checkpoint', 'podcheckpoints', 'podcheckpoint', 'pcp'];

export function register(program: Command): void {
  clusterOptions(program.command('get'))
    .description('list checkpoints: what was taken, where it is, what became of its pod')
    .argument('<what>', 'checkpoints')
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(outputOption())
    .action(async (what: string, flags: ClusterFlags & { allNamespaces?: boolean; output?: OutputFormat }) => {
      if (!CHECKPOINTS.includes(what)) {
        throw new UsageError(
          `fermata does not list "${what}"`,
          'it lists checkpoints; for other objects use kubectl get',
        );
      }
      const { kindOf, POD_CHECKPOINTS } = await import('../model/index.ts');
      const all = flags.allNamespaces === true;
      const list = await withCluster(flags, ({ store, namespace }) =>
        store.list(POD_CHECKPOINTS, all ? {} : { namespace }),
      );
      await printResult(list.items, flags.output, () => {
        if (list.items.length === 0) return `no checkpoints${all ? '' : ' in this namespace; -A shows all'}\n`;
        const columns = (kindOf(POD_CHECKPOINTS)?.columns ?? []).filter(({ priority }) => priority === 0);
        return table(
          [...(all ? ['NAMESPACE'] : []), ...columns.map(({ name }) => name.toUpperCase())],
          list.items.map((item) => [
            ...(all ? [item.metadata.namespace ?? ''] : []),
            ...columns.map(({ value }) => String(value(item, Date.now()))),
          ]),
        );
      });
    });
}
