import { type Command, Option } from 'commander';
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
  bench
    .command('engine')
    .description('decisions a second of the scheduling engine alone, one thread, no API server')
    .option('--case <name>', 'one case of those listed without it (default: every case, each in its own process)')
    .option('--nodes <number>', "nodes (default: the case's)")
    .option('--pods <number>', "pods to decide on (default: the case's)")
    .option('--cold', 'without playing a tenth of the case first: the compiler’s work is measured, too')
    .addOption(new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'))
    .action(async (flags: { case?: string; nodes?: string; pods?: string; cold?: true; output: string }) => {
      const { benchScript } = await import('./bench-script.ts');
      await benchScript('engine', { ...flags });
    });
  bench
    .command('coordination')
    .description(
      "what a group adds to a freeze window: CRIU's hook, barriers of 2 to 512 members, real dumps of up to 8",
    )
    .addOption(new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'))
    .action(async (flags: { output: string }) => {
      const { benchScript } = await import('./bench-script.ts');
      await benchScript('coordination', { ...flags });
    });
  bench
    .command('archive')
    .description(
      'a dump to a store and back: plain, compressed, encrypted, second with 5 % changed; beside cp, tar, zstd, age, podman',
    )
    .option('--size <quantity>', 'of the dump', '1GiB')
    .option('--runs <number>', 'runs, of which medians are told', '3')
    .option('--alone', 'only what is encrypted, without the other programs')
    .option('--directory <folder>', 'where it all lies meanwhile: five times the size (default: the temporary folder)')
    .addOption(new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'))
    .action(async (flags: { size: string; runs: string; alone?: true; directory?: string; output: string }) => {
      const { benchScript } = await import('./bench-script.ts');
      await benchScript('archive', { ...flags });
    });
  bench
    .command('cluster')
    .description(
      'on the cluster that $KUBECONFIG names: pods a second beside kube-scheduler, interruptions beside a move by hand, groups beside single dumps, memory',
    )
    .option('--runs <number>', 'runs, of which medians are told', '3')
    .option('--pods <number>', 'pods of a run, on 1,000 nodes that are made for it', '5000')
    .option('--kube-scheduler <program>', 'kube-scheduler to measure beside (default: it is not)')
    .addOption(new Option('--only <part>', 'one part').choices(['scheduling', 'interruption', 'groups']))
    .addOption(new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'))
    .action(
      async ({
        kubeScheduler,
        ...flags
      }: {
        runs: string;
        pods: string;
        kubeScheduler?: string;
        only?: string;
        output: string;
      }) => {
        const { benchScript } = await import('./bench-script.ts');
        await benchScript('cluster', { ...flags, ...(kubeScheduler && { 'kube-scheduler': kubeScheduler }) });
      },
    );
  bench
    .command('registry')
    .description('calls a second of the API server’s store, in process')
    .action(async () => {
      const { benchScript } = await import('./bench-script.ts');
      await benchScript('registry', {});
    });
  bench
    .command('simulate')
    .description('the simulator: seconds and memory over a ladder of generated jobs, one thread')
    .option('--trace <file>', 'a log to run as well, on its own machine')
    .option('--most <jobs>', 'the highest rung of easy', '1000000')
    .option('--most-fermata <jobs>', 'the highest rung of fermata', '100000')
    .addOption(new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'))
    .action(
      async ({ mostFermata, ...flags }: { mostFermata: string; most: string; trace?: string; output: string }) => {
        const { benchScript } = await import('./bench-script.ts');
        await benchScript('simulate', { ...flags, 'most-fermata': mostFermata });
      },
    );
  bench
    .command('hpc')
    .description('the connector beside ssh and sbatch --wait, on a Slurm of its own (root, Debian)')
    .addOption(new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'))
    .action(async (flags: { output: string }) => {
      const { benchScript } = await import('./bench-script.ts');
      await benchScript('hpc', { ...flags });
    });
  bench
    .command('soak')
    .description('virtual days a second of the soak, one thread, at several sizes')
    .option('--seeds <number>', 'seeds of each size', '3')
    .action(async (flags: { seeds: string }) => {
      const { benchScript } = await import('./bench-script.ts');
      await benchScript('soak', { ...flags });
    });
}
