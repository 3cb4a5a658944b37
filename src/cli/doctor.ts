import type { Command } from 'commander';
import { examine } from './examination.ts';
import { ExitStatus } from './exit.ts';
import { type OutputFormat, outputOption, printResult, table } from './output.ts';
import { Progress } from './progress.ts';

/** `fermata doctor`: what this machine has. Looks only; installs nothing. */
export function register(program: Command): void {
  program
    .command('doctor')
    .description('Show what this machine has, or a cluster, what works, and how to fix what does not.')
    .option('--cluster', 'look at the cluster instead: what its server, nodes and container runtimes offer')
    .option(
      '--kubeconfig <file>',
      'with --cluster: kubeconfig to use (default: $KUBECONFIG, ~/.kube/config, in-cluster)',
    )
    .option('--context <name>', 'with --cluster: context of the kubeconfig')
    .addOption(outputOption())
    .action(async (options: { output?: OutputFormat; cluster?: boolean; kubeconfig?: string; context?: string }) => {
      if (options.cluster === true) {
        const { doctorCluster } = await import('./doctor-cluster.ts');
        return doctorCluster(options);
      }
      const progress = new Progress();
      progress.step('looking at this machine');
      try {
        const report = await examine();
        progress.stop();
        await printResult(report, options.output, () => {
          const rows = report.parts.map((part) => [
            part.part,
            part.found ? 'yes' : 'no',
            part.version,
            part.status,
            part.detail,
          ]);
          const fixes = report.parts.filter((part) => part.fix !== undefined);
          return [
            table(['PART', 'FOUND', 'VERSION', 'STATUS', 'DETAIL'], rows),
            ...(fixes.length === 0 ? [] : ['\nTo do:\n', ...fixes.map((part) => `  ${part.part}: ${part.fix}\n`)]),
            `\nRuntime here: ${report.runtime.name}${report.runtime.reason === undefined ? '' : ` (${report.runtime.reason})`}\n`,
          ].join('');
        });
        if (report.parts.some((part) => part.status === 'fails' && part.required)) throw new ExitStatus(1);
      } finally {
        progress.stop();
      }
    });
}
