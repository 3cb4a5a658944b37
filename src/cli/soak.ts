import { type Command, Option } from 'commander';
import { type OutputFormat, outputOption } from './output.ts';

export interface SoakFlags {
  days: string;
  seeds?: string;
  randomSeeds: string;
  faults: string;
  nodes: string;
  workloadsPerDay: string;
  threads?: string;
  replay?: string;
  failures: string;
  shrink: boolean;
  output?: OutputFormat;
}

export function register(program: Command): void {
  program
    .command('soak')
    .description(
      'run the whole control plane in virtual time, days in seconds, with everything going wrong that can, and judge it',
    )
    .option('--days <number>', 'virtual days of each seed', '5')
    .option('--seeds <A..B>', 'seeds to run (default: random ones)')
    .option(
      '--random-seeds <number>',
      'how many seeds, one after the other from a random one on, which is printed',
      '8',
    )
    .addOption(
      new Option('--faults <profile>', 'what goes wrong').default('swarm', 'swarm: each seed its own mixture of all'),
    )
    .option('--nodes <number>', 'nodes of the cluster', '20')
    .option('--workloads-per-day <number>', 'workloads that users submit', '200')
    .option('--threads <number>', 'runs at once (default: one a processor)')
    .option('--replay <file>', 'run a saved failure again')
    .option('--failures <folder>', 'where failures are saved', 'soak-failures')
    .option('--no-shrink', 'save failures as they are, without looking for the smallest run that fails')
    .addOption(outputOption())
    .action(async (flags: SoakFlags) => {
      const { soak } = await import('./soak-run.ts');
      await soak(flags);
    });
}
