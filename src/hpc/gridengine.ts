import { FermataError } from '../model/index.ts';
import type { BatchSystem } from './batch-system.ts';
import type { JobEnd, JobPhase, JobReport, JobRequest } from './job.ts';
import { GRID_ENGINE_USAGE } from './usage.ts';

/** Grid Engine 8.1 and its relatives, by their commands: qsub, qstat, qacct, qdel. */
export const GRID_ENGINE: BatchSystem = {
  name: 'gridengine',
  directive: '#$',
  taskVariable: 'SGE_TASK_ID',
  jobOpensOutput: false,

  submitCommand(request, { folder, jobName, mark }) {
    const log = request.array === undefined ? '' : '.$TASK_ID';
    return [
      'qsub',
      '-N',
      jobName,
      '-ac',
      `fermata=${mark}`,
      '-S',
      '/bin/bash',
      '-o',
      `${folder}/stdout${log}`,
      '-e',
      `${folder}/stderr${log}`,
      ...resourceOptions(request),
    ];
  },

  // With no usable queue it prints `Unable to run job: warning …` and then submits all the same; -terse would print nothing then.
  idFromSubmit: String.raw`s/^Your job\(-array\)\{0,1\} \([0-9][0-9]*\).*/\2/p`,
  temporary: /unable to send message to qmaster|unable to contact qmaster|commlib error|got no connection|timeout/i,

  // qstat cuts names to ten characters; with -r it has them whole.
  findByName: `qstat -r -u "$(id -un)" | awk -v name="$1" '$1 ~ /^[0-9]+$/ {id=$1} $1 == "Full" && $3 == name && !seen[id]++ {print id}'`,

  list: 'qstat -u "$(id -un)"',
  readList(text) {
    return text.split('\n').flatMap((line): JobReport[] => {
      const [id = '', , , , state = '', , , ...rest] = line.trim().split(/\s+/);
      if (!/^\d+$/.test(id) || !STATES.test(state)) return [];
      const queue = rest[0]?.includes('@') === true ? rest.shift() : undefined;
      const task = rest[1];
      return [
        {
          id,
          ...(task === undefined ? {} : { task: task.replace(/:1$/, '') }),
          phase: phaseOf(state),
          native: state,
          ...(queue === undefined ? {} : { nodes: queue.slice(queue.indexOf('@') + 1) }),
          ...reasonOf(state),
        },
      ];
    });
  },

  account: 'for id in "$@"; do qacct -j "$id" 2>/dev/null; done; true',
  readAccount(text) {
    // A requeued job has a record for each of its runs: the last counts.
    const last = new Map<string, JobReport>();
    for (const block of text.split(/^=+$/m)) {
      const field = (name: string): string => new RegExp(`^${name} +(.*)$`, 'm').exec(block)?.[1]?.trim() ?? '';
      const id = field('jobnumber');
      if (!/^\d+$/.test(id)) continue;
      const task = field('taskid');
      const end = endOf(field('failed'), Number(field('exit_status').split(/\s/)[0]));
      last.set(`${id}_${task}`, {
        id,
        ...(task === 'undefined' || task === '' ? {} : { task }),
        phase: 'Ended',
        native: field('failed') === '0' ? 'done' : `failed ${field('failed')}`,
        end,
        nodes: field('hostname'),
      });
    }
    return [...last.values()];
  },

  cancel: 'qdel "$@"',
  usage: GRID_ENGINE_USAGE,
  describe: 'qstat -j "$1" 2>/dev/null || qacct -j "$1"',
};

function resourceOptions(request: JobRequest): string[] {
  if (request.checkpoint !== undefined) {
    throw new FermataError(
      'InvalidJobRequest',
      'jobs of Grid Engine are not checkpointed: only Slurm warns them on request',
      {
        nextStep: 'leave --checkpoint out; Slurm has it',
      },
    );
  }
  if (request.components !== undefined) {
    throw new FermataError('InvalidJobRequest', 'Grid Engine has no heterogeneous jobs', {
      nextStep: 'ask for slots of a --parallel-environment instead',
    });
  }
  const option = (flag: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [flag, String(value)];
  const slots = (request.tasks ?? 1) * (request.cpusPerTask ?? 1) * (request.nodes ?? 1);
  const limits = [
    ...(request.walltimeSeconds === undefined ? [] : [`h_rt=${Math.ceil(request.walltimeSeconds)}`]),
    ...(request.memoryMebibytes === undefined ? [] : [`h_vmem=${Math.ceil(request.memoryMebibytes / slots)}M`]),
    ...(request.gpus === undefined ? [] : [`gpu=${request.gpus}`]),
  ];
  return [
    ...option('-wd', request.workingDirectory),
    ...(slots > 1 && request.parallelEnvironment !== undefined
      ? ['-pe', request.parallelEnvironment, String(slots)]
      : []),
    ...(limits.length === 0 ? [] : ['-l', limits.join(',')]),
    ...option('-q', request.partition),
    ...option('-A', request.account),
    ...option('-P', request.qualityOfService),
    ...option('-ar', request.reservation),
    ...option('-t', request.array),
    ...option('-hold_jid', request.dependency),
    ...(request.requeue === undefined ? [] : ['-r', request.requeue ? 'y' : 'n']),
    ...(request.submitOptions ?? []),
  ];
}

/** Every letter that qstat(1) documents; a state with another one is not guessed at. */
const STATES = /^[dEhrRsStTwq]+$/;

/** Letters combine: `hqw` held, `Eqw` in error, `Rr` restarted, `s`/`S`/`T` suspended, `dr` being deleted. */
function phaseOf(state: string): JobPhase {
  if (/[sST]/.test(state)) return 'Suspended';
  return /[rt]/.test(state) ? 'Running' : 'Pending';
}

function reasonOf(state: string): { reason?: string } {
  if (state.includes('E')) return { reason: 'in error (see: fermata hpc describe)' };
  return state.includes('h') ? { reason: 'held' } : {};
}

/**
 * `failed` is `0`, or a code and its words: `37  : qmaster enforced h_rt, h_cpu, or h_vmem limit`, `100 : assumedly after job`
 * (killed; `exit_status` is then 128 + the signal), others mean that the job could not be started or its host was lost.
 */
function endOf(failed: string, exitStatus: number): JobEnd {
  const code = Number(failed.split(/\s/)[0]);
  if (code === 37) return { kind: 'DeadlineExceeded' };
  if (code === 100 && exitStatus > 128) return { kind: 'Signalled', signal: exitStatus - 128 };
  if (code !== 0 && code !== 100) return { kind: 'NodeFailure' };
  return { kind: 'Exited', exitCode: exitStatus };
}
