import { type Command, Option } from 'commander';

export interface SimulateFlags {
  trace?: string;
  format?: string;
  generate?: string;
  generateJobs: string;
  generateNodes: string;
  generateDays: string;
  generateSessions: string;
  load?: string;
  processors?: string;
  nodes?: string;
  policy: string;
  window?: string;
  from?: string;
  to?: string;
  limit?: string;
  scaleArrivals: string;
  priorities?: string;
  perfectEstimates?: boolean;
  preemptsFrom: string;
  idleAfterSeconds: string;
  without?: string;
  ablate?: boolean;
  judge?: boolean;
  report?: string;
  sweep?: string;
  dumpSeconds: string;
  restoreSeconds: string;
  memoryGib: string;
  diskMibPerSecond: string;
  storeMibPerSecond?: string;
  dumpFailures: string;
  restartSeconds: string;
  applicationCheckpointSeconds?: string;
  mtbfDays?: string;
  rackNodes: string;
  rackMtbfDays?: string;
  drainEveryDays?: string;
  drainHours: string;
  bootSeconds: string;
  nodeWatts?: string;
  deadlineFactor?: string;
  opportunistic?: string;
  rejected?: string;
  seed: string;
  output?: 'json' | 'csv';
}

export interface SweepFlags {
  vary: string[];
  seeds: string;
  out: string;
  threads?: string;
  output?: 'json' | 'csv';
}

export function register(program: Command): void {
  // What stands behind `sweep` is sweep's, though simulate has options of the same names.
  const simulate = program.enablePositionalOptions().command('simulate').enablePositionalOptions();
  simulate
    .description('what a scheduling policy would have made of a trace: utilisation, waits, lost work')
    .option('--trace <file>', 'what jobs there were: a log of a batch system, a trace of a cluster, plain or gzip')
    .option('--format <name>', 'swf, openb, philly, google, kubernetes or recording (default: by the name of the file)')
    .option(
      '--generate <model>',
      'work without a trace: lublin (batch machine), research (mixed cluster), applications',
    )
    .option('--generate-jobs <number>', 'jobs of lublin and applications', '10000')
    .option('--generate-nodes <number>', 'nodes of research', '40')
    .option('--generate-days <number>', 'days of research', '30')
    .option('--generate-sessions <number>', 'notebooks of research that are opened, a node and day', '2')
    .option('--load <share>', 'what the jobs of lublin ask for, as a share of the processors (default: the model’s)')
    .option('--processors <number>', "processors of the machine (default: what the trace's header says)")
    .option('--nodes <file>', 'nodes in place of equal processors: CSV with sn,cpu_milli,memory_mib,gpu,model')
    .option('--policy <names>', 'policies to compare, with commas (docs/simulation.md says what each does)', 'easy')
    .option('--window <from,to>', 'seconds of the trace over which shares are reckoned (default: first to last submit)')
    .option('--from <seconds>', 'only jobs submitted from here on')
    .option('--to <seconds>', 'only jobs submitted before')
    .option('--limit <jobs>', 'only the first jobs')
    .option('--scale-arrivals <factor>', 'multiplies the times between submissions: 0.5 doubles the load', '1')
    .option('--priorities <queue=number,…>', "priorities by the trace's queues, e.g. express=400,standby=0")
    .option('--perfect-estimates', 'planners know run times, whatever users estimated')
    .option('--preempts-from <priority>', 'priority from which a job may interrupt others', '300')
    .option('--idle-after-seconds <seconds>', 'of fermata: a session that did nothing so long is suspended', '600')
    .option('--without <capabilities>', 'of fermata: what is switched off, with commas')
    .option('--ablate', 'fermata as well with each of its capabilities switched off')
    .option('--dump-seconds <seconds>', 'part of a dump that does not depend on its size', '1')
    .option('--restore-seconds <seconds>', 'the same of a restore', '0.8')
    .option('--memory-gib <GiB>', 'memory a processor, where the trace does not say', '1')
    .option('--disk-mib-per-second <MiB>', 'what a node writes and reads; 0: size costs nothing', '250')
    .option(
      '--store-mib-per-second <MiB>',
      'a store of this bandwidth, to which dumps are uploaded and from which others fetch',
    )
    .option('--dump-failures <share>', 'share of the dumps that fail, 0 to 1', '0')
    .option('--restart-seconds <seconds>', 'what a killed job needs before it computes again', '10')
    .option('--application-checkpoint-seconds <seconds>', 'programs save their work themselves so often')
    .option('--mtbf-days <days>', 'mean time between failures of a node (of a processor, with --processors)')
    .option('--rack-nodes <number>', 'nodes that fail together when their rack does', '16')
    .option('--rack-mtbf-days <days>', 'mean time between failures of a rack')
    .option('--drain-every-days <days>', 'each node is drained so often, one after the other')
    .option('--drain-hours <hours>', 'how long a drained node is away', '1')
    .option('--boot-seconds <seconds>', 'a node that was away takes pods so long after it is back', '0')
    .option('--node-watts <idle,busy>', 'what a node (a processor, with --processors) draws: reckons energy')
    .option('--deadline-factor <factor>', 'jobs are to have ended within so many times their walltime')
    .option(
      '--opportunistic <queues>',
      'queues, with commas, whose jobs are content with what others hold and do not use',
    )
    .option('--judge', 'check the invariants after every event; exit 1 when one is broken')
    .option('--report <file.html>', 'write a page with charts, which needs nothing beside itself')
    .option('--sweep <file.jsonl>', 'what fermata simulate sweep wrote: becomes sliders of the page')
    .option('--rejected <file>', 'where every line of the trace that became no job is written, with its reason')
    .option('--seed <number>', 'of everything that is left to chance', '1')
    .addOption(new Option('-o, --output <format>', 'print the result in this format').choices(['json', 'csv']))
    .action(async (flags: SimulateFlags) => {
      const { runSimulate } = await import('./simulate-run.ts');
      await runSimulate(flags);
    });
  simulate
    .command('sweep')
    .description('simulate with every combination of some settings, on all processors; goes on where it was broken off')
    .requiredOption('--vary <option=value,…>', 'an option of simulate and its values; may be repeated', collect, [])
    .option('--seeds <A..B>', 'seeds of each combination', '1..1')
    .requiredOption('--out <file.jsonl>', 'where results go, and where those are that need not be run again')
    .option('--threads <number>', 'runs at once (default: one a processor)')
    .addOption(new Option('-o, --output <format>', 'print the result in this format').choices(['json', 'csv']))
    .argument('<options...>', 'after --: the options of simulate that all runs share')
    .action(async (shared: string[], flags: SweepFlags) => {
      const { sweep } = await import('./simulate-sweep.ts');
      await sweep(shared, flags);
    });
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
