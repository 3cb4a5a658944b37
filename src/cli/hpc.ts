import { type Command, Option } from 'commander';
import { registerHpcWebhook } from './hpc-webhook.ts';
import { type OutputFormat, outputOption } from './output.ts';

/** How a site is reached. */
export interface SiteFlags {
  scheduler?: 'slurm' | 'gridengine' | 'pbs';
  host?: string;
  sshConfig?: string;
  directory?: string;
  rest?: string;
  tokenFile?: string;
  restUser?: string;
  mountedAt?: string;
}

export interface RunFlags extends SiteFlags {
  name?: string;
  identity?: string;
  nodes?: string;
  tasks?: string;
  cpusPerTask?: string;
  memory?: string;
  gpus?: string;
  time?: string;
  partition?: string;
  account?: string;
  qos?: string;
  reservation?: string;
  parallelEnvironment?: string;
  array?: string;
  dependency?: string;
  chdir?: string;
  component: string[];
  env: string[];
  module: string[];
  image?: string;
  requeue?: boolean;
  checkpoint?: 'criu';
  criu: string;
  warning: string;
  submitOption: string[];
  stageIn: string[];
  stageOut: string[];
  podinfo: string;
  onTermination: 'cancel' | 'leave';
  queueInterval: string;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

export function register(program: Command): void {
  const hpc = program
    .command('hpc')
    .description('run jobs of an HPC site as if they were here')
    .enablePositionalOptions();
  site(hpc.command('run'))
    .description(
      'submit a job, follow it, show its log, and end as it ends\n\n' +
        'Exit status: the job’s own, 128 + n for a signal, 124 time limit, 220 out of memory, 221 node failure, 222 preempted,\n' +
        '223 cancelled there, 224 refused by the site, 225 lost.',
    )
    .argument('[script]', 'local file with the job, #SBATCH, #PBS or #$ lines and all')
    .argument('[arguments...]', 'its arguments; or after --: a command to run in place of a script')
    .option('--name <name>', 'name in the batch system (default: that of the script)')
    .option('--identity <text>', 'same text, same job: a second run takes up the job of the first')
    .option('--nodes <n>', 'nodes')
    .option('--tasks <n>', 'processes, e.g. MPI ranks')
    .option('--cpus-per-task <n>', 'processors for each')
    .option('--memory <quantity>', 'memory of each node, e.g. 64Gi')
    .option('--gpus <n>', 'GPUs of each node')
    .option('--time <walltime>', '1:30:00, 2-12:00:00, 36h, or minutes')
    .option('--partition <name>', 'partition or queue')
    .option('--account <name>', 'account to charge')
    .option('--qos <name>', 'quality of service')
    .option('--reservation <name>', 'reservation')
    .option('--parallel-environment <name>', 'Grid Engine: needed for more than one slot')
    .option(
      '--component <resources>',
      'one more component of a heterogeneous job: nodes=2,cpus-per-task=8,memory=64Gi,gpus=1,partition=gpu; may be repeated',
      collect,
      [],
    )
    .option('--array <indices>', 'an array of jobs: 1-100, 1-9:2')
    .option('--dependency <list>', 'afterok:123 for Slurm and PBS, job ids for Grid Engine')
    .option('--chdir <folder>', 'working directory there (default: the home directory)')
    .option('--env <name=value>', 'environment variable; may be repeated', collect, [])
    .option('--module <name>', 'environment module to load; may be repeated', collect, [])
    .option('--image <image>', 'container image, run by Apptainer there')
    .option('--stage-in <path>', 'file or folder to bring there first; may be repeated', collect, [])
    .option('--stage-out <pattern>', 'files to bring back at the end, e.g. "results/*"; may be repeated', collect, [])
    .addOption(
      new Option(
        '--checkpoint <how>',
        'Slurm: on the site’s warning dump the program and requeue the job, which resumes it',
      ).choices(['criu']),
    )
    .option('--criu <path>', 'CRIU there, which ordinary users may use', 'criu')
    .option('--warning <seconds>', 'how long before the end the site warns', '60')
    .option('--requeue', 'let the site start it anew after a node failure')
    .option('--no-requeue', 'never start it anew')
    .option('--submit-option <word>', 'further word for the submit command; may be repeated', collect, [])
    .option('--podinfo <folder>', "the pod's resources and annotations, by the downward API", '/etc/podinfo')
    .addOption(
      new Option('--on-termination <what>', 'what SIGINT, SIGTERM and SIGHUP do to the job there')
        .choices(['cancel', 'leave'])
        .default('cancel'),
    )
    .option('--queue-interval <seconds>', 'ask the batch system at most this often, for all jobs of the user', '10')
    .passThroughOptions()
    .action(async (script: string | undefined, words: string[], flags: RunFlags) => {
      const { runHpcJob } = await import('./hpc-run.ts');
      await runHpcJob(script, words, flags);
    });
  site(hpc.command('ls'))
    .description('list the jobs that were submitted from here')
    .addOption(outputOption())
    .action(async (flags: SiteFlags & { output?: OutputFormat }) => {
      const { listHpcJobs } = await import('./hpc-jobs.ts');
      await listHpcJobs(flags);
    });
  site(hpc.command('top'))
    .description('show what running jobs take: again and again on a terminal, else once')
    .option('--interval <seconds>', 'between two looks', '5')
    .addOption(outputOption())
    .action(async (flags: SiteFlags & { output?: OutputFormat; interval: string }) => {
      const { showHpcTop } = await import('./hpc-top.ts');
      await showHpcTop(flags);
    });
  site(hpc.command('logs'))
    .description('show what a job has written so far')
    .argument('<job>', 'its id')
    .option('-f, --follow', 'until it ends')
    .action(async (id: string, flags: SiteFlags & { follow?: boolean }) => {
      const { showHpcLogs } = await import('./hpc-jobs.ts');
      await showHpcLogs(id, flags);
    });
  site(hpc.command('cancel'))
    .description('end jobs there')
    .argument('<jobs...>', 'their ids')
    .action(async (ids: string[], flags: SiteFlags) => {
      const { cancelHpcJobs } = await import('./hpc-jobs.ts');
      await cancelHpcJobs(ids, flags);
    });
  site(hpc.command('describe'))
    .description('show everything the batch system knows of a job')
    .argument('<job>', 'its id')
    .action(async (id: string, flags: SiteFlags) => {
      const { describeHpcJob } = await import('./hpc-jobs.ts');
      await describeHpcJob(id, flags);
    });
  site(hpc.command('gc'))
    .description('cancel jobs whose Kubernetes Job is gone, and remove what ended ones left there')
    .option('--kubeconfig <file>', 'cluster of the Jobs (default: KUBECONFIG, or the one this pod runs in)')
    .option('--older-than <duration>', 'remove the folders of jobs that ended so long ago', '168h')
    .option('--dry-run', 'only say what would be done')
    .action(async (flags: SiteFlags & { kubeconfig?: string; olderThan: string; dryRun?: boolean }) => {
      const { collectHpcGarbage } = await import('./hpc-gc.ts');
      await collectHpcGarbage(flags);
    });
  registerHpcWebhook(hpc);
}

function site(command: Command): Command {
  return command
    .addOption(
      new Option('--scheduler <name>', 'batch system (default: the one found there)').choices([
        'slurm',
        'gridengine',
        'pbs',
      ]),
    )
    .option('--host <user@login>', "login node, by the user's own ssh (default: commands of this machine)")
    .option('--ssh-config <file>', 'ssh configuration (default: ~/.ssh/config)')
    .option('--directory <folder>', 'folder for logs there, shared with the compute nodes (default: ~/.fermata/hpc)')
    .option('--rest <url>', "Slurm's slurmrestd; its token is in SLURM_JWT or --token-file")
    .option('--token-file <file>', 'JSON web token for --rest, read again for each request')
    .option('--rest-user <name>', 'account there (default: the one that the token names)')
    .option(
      '--mounted-at <folder>',
      'with --rest: where the folder of --directory is mounted here, for logs and files',
    );
}
