import type { Command } from 'commander';
import { type OutputFormat, outputOption } from './output.ts';

export interface PreemptionBenchFlags {
  runs: string;
  sizes: string;
  output?: OutputFormat;
}

export function register(program: Command): void {
  const bench = program.command('bench').description('measure on this machine; figures are medians of several runs');
  bench
    .command('preemption')
    .description(
      "urgent pod created until its process runs, beside CRIU's own dump time; freeze window beside plain podman",
    )
    .option('--runs <number>', 'runs of each size, at least 5', '5')
    .option('--sizes <MiB,…>', 'memory of the victims', '16,256,1024')
    .addOption(outputOption())
    .action(async (flags: PreemptionBenchFlags) => {
      const { benchPreemption } = await import('./bench-preemption.ts');
      await benchPreemption(flags);
    });
}
