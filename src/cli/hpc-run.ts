import { randomUUID } from 'node:crypto';
import { access, constants, readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  count,
  describeEnd,
  exitStatusOf,
  HPC_EXIT,
  type JobRequest,
  jobComponent,
  mebibytes,
  runJob,
  walltimeSeconds,
  worstEnd,
} from '../hpc/index.ts';
import { FermataError } from '../model/index.ts';
import { ExitStatus, UsageError } from './exit.ts';
import type { RunFlags } from './hpc.ts';
import { printLog } from './hpc-log.ts';
import { type ConnectorPod, readConnectorPod } from './hpc-pod.ts';
import { withSite } from './hpc-site.ts';

/** Where Kubernetes reads why a container ended. */
const TERMINATION_LOG = '/dev/termination-log';
const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

/** `hpc run`: ends with the job's own exit status. */
export async function runHpcJob(script: string | undefined, words: readonly string[], flags: RunFlags): Promise<void> {
  const pod = await readConnectorPod(flags.podinfo);
  const request = await requestOf(script, words, flags, pod);
  const identity = flags.identity ?? pod.identity ?? randomUUID();

  const cancel = new AbortController();
  const leave = new AbortController();
  let received: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const isSecond = received !== undefined;
    received = SIGNALS[signal as keyof typeof SIGNALS];
    if (isSecond || flags.onTermination === 'leave') {
      say(isSecond ? 'leaving at once; the job may still be there' : 'leaving; the job goes on there');
      leave.abort(new ExitStatus(128 + received));
    } else {
      cancel.abort(new ExitStatus(128 + received));
    }
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal, onSignal);
  try {
    const status = await withSite(flags, async (site, clock) => {
      const { id, ends } = await runJob(
        {
          site,
          clock,
          request,
          identity,
          owner: pod.owner ?? process.env.USER ?? 'unknown',
          ...(flags.stageIn.length + flags.stageOut.length === 0
            ? {}
            : { staging: { folder: process.cwd(), in: flags.stageIn, out: flags.stageOut } }),
          ...(pod.jobUid === undefined ? {} : { jobUid: pod.jobUid }),
          onLog: printLog(),
          onNotice: say,
        },
        cancel.signal,
        leave.signal,
      );
      const end = worstEnd(ends);
      const failed = ends.filter((one) => exitStatusOf(one) !== 0).length;
      const text = `job ${id}: ${describeEnd(end)}${ends.length > 1 ? `; ${failed} of ${ends.length} tasks failed` : ''}`;
      say(text);
      await explainEnd(text);
      // Some batch systems show a cancelled job as a killed one: it is this process that knows why.
      return received === undefined ? exitStatusOf(end) : 128 + received;
    });
    if (status !== 0) throw new ExitStatus(status);
  } catch (error) {
    if (!(error instanceof FermataError) || !['SubmitRefused', 'SiteRefused', 'StagingFailed'].includes(error.code))
      throw error;
    say(error.nextStep === undefined ? error.message : `${error.message}\n  ${error.nextStep}`);
    await explainEnd(error.message);
    throw new ExitStatus(HPC_EXIT.refused);
  } finally {
    for (const signal of Object.keys(SIGNALS)) process.off(signal, onSignal);
  }
}

/** The pod's wishes, then the command line's. */
async function requestOf(
  script: string | undefined,
  words: readonly string[],
  flags: RunFlags,
  pod: ConnectorPod,
): Promise<JobRequest> {
  if (script === undefined) {
    throw new UsageError(
      'hpc run takes a script, or a command after --',
      'e.g. fermata hpc run job.sh, or: hpc run -- hostname',
    );
  }
  const program = await programOf(script, words);
  const number = (option: string, text: string | undefined): number | undefined =>
    text === undefined ? undefined : count(option, text);
  const asked: Partial<JobRequest> = {
    nodes: number('--nodes', flags.nodes),
    tasks: number('--tasks', flags.tasks),
    cpusPerTask: number('--cpus-per-task', flags.cpusPerTask),
    memoryMebibytes: flags.memory === undefined ? undefined : mebibytes(flags.memory),
    gpus: number('--gpus', flags.gpus),
    walltimeSeconds: flags.time === undefined ? undefined : walltimeSeconds(flags.time),
    partition: flags.partition,
    account: flags.account,
    qualityOfService: flags.qos,
    reservation: flags.reservation,
    parallelEnvironment: flags.parallelEnvironment,
    array: flags.array,
    dependency: flags.dependency,
    workingDirectory: flags.chdir,
    image: flags.image,
    requeue: flags.requeue,
    checkpoint:
      flags.checkpoint === undefined
        ? undefined
        : { criu: flags.criu, warningSeconds: count('--warning', flags.warning) },
  } as Partial<JobRequest>;
  return {
    ...pod.request,
    ...(Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) as Partial<JobRequest>),
    ...(flags.component.length === 0 ? {} : { components: flags.component.map(jobComponent) }),
    ...(flags.env.length === 0 ? {} : { environment: Object.fromEntries(flags.env.map(assignment)) }),
    ...(flags.module.length === 0 ? {} : { modules: flags.module }),
    ...(flags.submitOption.length === 0 ? {} : { submitOptions: flags.submitOption }),
    ...program,
    name: flags.name ?? pod.owner?.split('/')[1] ?? basename(script),
  };
}

/** A file is sent as it is; what is no file, and stands after `--`, is a command of the site. */
async function programOf(script: string, words: readonly string[]): Promise<Pick<JobRequest, 'script' | 'arguments'>> {
  const end = process.argv.indexOf('--');
  if (end !== -1 && process.argv[end + 1] === script && process.argv.length === end + 2 + words.length) {
    return { script: '#!/bin/sh\nexec "$@"\n', arguments: [script, ...words] };
  }
  const text = await readFile(script, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(
      `the script ${script} cannot be read: ${error.message}`,
      'to run a command that is installed at the site, write it after --',
    );
  });
  if (!text.startsWith('#!')) {
    throw new UsageError(`the script ${script} does not begin with #!`, 'its first line names its shell: #!/bin/bash');
  }
  return { script: text, arguments: words };
}

function assignment(text: string): [string, string] {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new UsageError(`--env takes NAME=VALUE, not "${text}"`);
  return [name, value];
}

async function explainEnd(text: string): Promise<void> {
  const isThere = await access(TERMINATION_LOG, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (isThere) await writeFile(TERMINATION_LOG, text.slice(0, 4096));
}

function say(text: string): void {
  process.stderr.write(`fermata: ${text}\n`);
}
