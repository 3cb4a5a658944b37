import { type Command, Option } from 'commander';

export interface SimulateFlags {
  trace?: string;
  processors?: string;
  policy: string;
  window?: string;
  from?: string;
  to?: string;
  limit?: string;
  scaleArrivals: string;
  priorities?: string;
  perfectEstimates?: boolean;
  rejected?: string;
  seed: string;
  output?: 'json' | 'csv';
}

export function register(program: Command): void {
  program
    .command('simulate')
    .description('what a scheduling policy would have made of a trace: utilisation, waits, lost work')
    .option('--trace <file>', 'a log in the Standard Workload Format, plain or gzip')
    .option('--processors <number>', "processors of the machine (default: what the trace's header says)")
    .option('--policy <names>', 'policies to compare, with commas: fcfs, easy, conservative', 'easy')
    .option('--window <from,to>', 'seconds of the trace over which shares are reckoned (default: first to last submit)')
    .option('--from <seconds>', 'only jobs submitted from here on')
    .option('--to <seconds>', 'only jobs submitted before')
    .option('--limit <jobs>', 'only the first jobs')
    .option('--scale-arrivals <factor>', 'multiplies the times between submissions: 0.5 doubles the load', '1')
    .option('--priorities <queue=number,…>', "priorities by the trace's queues, e.g. express=400,standby=0")
    .option('--perfect-estimates', 'planners know run times, whatever users estimated')
    .option('--rejected <file>', 'where every line of the trace that became no job is written, with its reason')
    .option('--seed <number>', 'of everything that is left to chance', '1')
    .addOption(new Option('-o, --output <format>', 'print the result in this format').choices(['json', 'csv']))
    .action(async (flags: SimulateFlags) => {
      const { runSimulate } = await import('./simulate-run.ts');
      await runSimulate(flags);
    });
}
