import type { BatchSystem } from './batch-system.ts';
import type { JobComponent, JobEnd, JobPhase, JobReport, JobRequest } from './job.ts';
import { SLURM_USAGE } from './usage.ts';

/** Every state that Slurm documents (squeue(1), JOB STATE CODES); an ended one's kind may be refined by the exit code. */
const PHASES: Readonly<Record<string, JobPhase>> = {
  PENDING: 'Pending',
  CONFIGURING: 'Pending',
  REQUEUED: 'Pending',
  REQUEUE_FED: 'Pending',
  REQUEUE_HOLD: 'Pending',
  RESV_DEL_HOLD: 'Pending',
  SPECIAL_EXIT: 'Pending',
  POWER_UP_NODE: 'Pending',
  RUNNING: 'Running',
  COMPLETING: 'Running',
  RESIZING: 'Running',
  SIGNALING: 'Running',
  STAGE_OUT: 'Running',
  UPDATE_DB: 'Running',
  SUSPENDED: 'Suspended',
  STOPPED: 'Suspended',
  BOOT_FAIL: 'Ended',
  CANCELLED: 'Ended',
  COMPLETED: 'Ended',
  DEADLINE: 'Ended',
  FAILED: 'Ended',
  LAUNCH_FAILED: 'Ended',
  NODE_FAIL: 'Ended',
  OUT_OF_MEMORY: 'Ended',
  PREEMPTED: 'Ended',
  RECONFIG_FAIL: 'Ended',
  REVOKED: 'Ended',
  TIMEOUT: 'Ended',
};

/** Slurm ≥ 20.02, by its commands: sbatch, squeue, sacct, scontrol, scancel. */
export const SLURM: BatchSystem = {
  name: 'slurm',
  directive: '#SBATCH',
  taskVariable: 'SLURM_ARRAY_TASK_ID',
  jobOpensOutput: false,

  submitCommand(request, { folder, jobName, mark }) {
    const log = request.array === undefined ? '' : '.%a';
    return [
      'sbatch',
      '--parsable',
      `--job-name=${jobName}`,
      `--comment=fermata:${mark}`,
      `--output=${folder}/stdout${log}`,
      `--error=${folder}/stderr${log}`,
      '--open-mode=append',
      ...resourceOptions(request),
      ...(request.components ?? []).flatMap((component) => [':', ...componentOptions(component)]),
    ];
  },

  idFromSubmit: String.raw`s/^\([0-9][0-9]*\)\(;.*\)\{0,1\}$/\1/p`,
  temporary:
    /Unable to contact slurm controller|timed out|Connection refused|temporarily|Slurm backup controller|zero bytes/i,

  // What the controller has let go is asked for in accounting, where there is one. `12_3` is a task, `12+1` a component of 12.
  findByName: `
{ sacct -nPX -S now-30days --name="$1" -o JobID 2>/dev/null || true; squeue -h -u "$(id -un)" -t all --name="$1" -o %i; } |
  sed 's/[_+].*//' | sort -n | uniq`,

  list: `squeue -h -u "$(id -un)" -t all -o '%F|%K|%T|%N|%r'`,
  readList(text) {
    return lines(text).flatMap((line): JobReport[] => {
      const [id = '', task = '', state = '', nodes = '', reason = ''] = line.split('|');
      if (!/^\d+$/.test(id)) return [];
      const phase = phaseOf(state);
      if (phase === undefined) return [];
      return [
        {
          id,
          ...(task === '' || task === 'N/A' ? {} : { task }),
          phase,
          native: state,
          ...(nodes === '' ? {} : { nodes }),
          ...(reason === '' || reason === 'None' ? {} : { reason }),
        },
      ];
    });
  },

  // Steps are left out (-X). sacct hides the earlier rows of a requeued job without -D, which is what is wanted: the last counts.
  // Where accounting is off or behind, the controller still knows a job for MinJobAge.
  account: `
ids=$(IFS=,; echo "$*")
answered=no
sacct -nPX -j "$ids" -o JobID,State,ExitCode,NodeList 2>/dev/null | sed 's/^/sacct|/' && answered=yes
for id in "$@"; do
  if said=$(scontrol -o show job "$id" 2>&1); then
    printf '%s\n' "$said" | sed 's/^/scontrol|/'
    answered=yes
  else
    case $said in *'Invalid job id'*) answered=yes ;; *) echo "$said" >&2 ;; esac
  fi
done
[ $answered = yes ]`,
  readAccount(text) {
    const fromController = new Map<string, JobReport>();
    const fromAccounting = new Map<string, JobReport>();
    for (const line of lines(text)) {
      if (line.startsWith('sacct|')) {
        const [, label = '', state = '', exitCode = '', nodes = ''] = line.split('|');
        const [id = '', task] = label.replace(/\+0$/, '').split('_');
        keep(fromAccounting, slurmReport(id, task, state, exitCode, nodes));
      } else if (line.startsWith('scontrol|')) {
        const field = (name: string): string => new RegExp(`(?:^|[ |])${name}=(\\S*)`).exec(line)?.[1] ?? '';
        // Of a heterogeneous job the first component speaks: it runs the script.
        if (Number(field('HetJobOffset')) > 0) continue;
        const array = field('ArrayJobId');
        const task = array === '' ? undefined : field('ArrayTaskId');
        const id = array === '' ? field('JobId') : array;
        keep(fromController, slurmReport(id, task, field('JobState'), field('ExitCode'), field('NodeList')));
      }
    }
    // The controller is the authority for what it still has; accounting for what it has let go.
    return [...new Map([...fromAccounting, ...fromController]).values()];
  },

  // With JobAcctGatherParams=OverMemoryKill the state is FAILED, the exit code 0:9.
  memoryMessage: /^slurmstepd\S*: error: .*exceeded (?:job )?memory limit/im,
  cancel: 'scancel "$@"',
  usage: SLURM_USAGE,
  describe:
    'scontrol show job "$1" 2>/dev/null || sacct -j "$1" -o JobID,JobName,State,ExitCode,Start,End,NodeList,Reason',
};

/** Words of sbatch for what is asked of the site. */
export function resourceOptions(request: JobRequest): string[] {
  return [
    ...option('chdir', request.workingDirectory),
    ...componentOptions(request),
    // Slurm counts in minutes and rounds up.
    ...option('time', request.walltimeSeconds === undefined ? undefined : Math.ceil(request.walltimeSeconds / 60)),
    ...option('account', request.account),
    ...option('qos', request.qualityOfService),
    ...option('reservation', request.reservation),
    ...option('array', request.array),
    ...option('dependency', request.dependency),
    ...(request.requeue === undefined ? [] : [request.requeue ? '--requeue' : '--no-requeue']),
    ...(request.checkpoint === undefined ? [] : [`--signal=B:USR1@${request.checkpoint.warningSeconds}`, '--requeue']),
    ...(request.submitOptions ?? []),
  ];
}

/** Words of sbatch for one component of a job. */
export function componentOptions({
  nodes,
  tasks,
  cpusPerTask,
  memoryMebibytes,
  gpus,
  partition,
}: JobComponent): string[] {
  return [
    ...option('nodes', nodes),
    ...option('ntasks', tasks),
    ...option('cpus-per-task', cpusPerTask),
    ...option('mem', memoryMebibytes === undefined ? undefined : `${memoryMebibytes}M`),
    ...option('gres', gpus === undefined ? undefined : `gpu:${gpus}`),
    ...option('partition', partition),
  ];
}

function option(flag: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`--${flag}=${value}`];
}

function keep(reports: Map<string, JobReport>, found: JobReport | undefined): void {
  if (found !== undefined) reports.set(`${found.id}_${found.task ?? ''}`, found);
}

/** From words as sacct and scontrol have them; undefined for a state that nobody knows. */
export function slurmReport(
  id: string,
  task: string | undefined,
  state: string,
  exitCode: string,
  nodes: string,
): JobReport | undefined {
  const phase = phaseOf(state);
  if (!/^\d+$/.test(id) || phase === undefined) return undefined;
  return {
    id,
    ...(task === undefined || task === '' ? {} : { task: task.replace(/^\[(.*)\]$/, '$1') }),
    phase,
    native: state,
    ...(nodes === '' || nodes === 'None assigned' || nodes === '(null)' ? {} : { nodes }),
    ...(phase === 'Ended' ? { end: endOf(state, exitCode) } : {}),
  };
}

/** sacct writes `CANCELLED by 1001`, and cuts long ones to `CANCELLED+`. */
function phaseOf(state: string): JobPhase | undefined {
  return PHASES[state.replace(/[ +].*$/, '')];
}

/** `exitCode` is `code:signal`. */
function endOf(state: string, exitCode: string): JobEnd {
  const [code = 0, signal = 0] = exitCode.split(':').map(Number);
  const word = state.replace(/[ +].*$/, '');
  switch (word) {
    case 'CANCELLED':
    case 'REVOKED': {
      const by = /by (\S+)/.exec(state)?.[1];
      return by === undefined ? { kind: 'Cancelled' } : { kind: 'Cancelled', by: `user ${by}` };
    }
    case 'TIMEOUT':
    case 'DEADLINE':
      return { kind: 'DeadlineExceeded' };
    case 'OUT_OF_MEMORY':
      return { kind: 'OutOfMemory' };
    case 'NODE_FAIL':
    case 'BOOT_FAIL':
    case 'LAUNCH_FAILED':
    case 'RECONFIG_FAIL':
      return { kind: 'NodeFailure' };
    case 'PREEMPTED':
      return { kind: 'Preempted' };
    default:
      return signal > 0 ? { kind: 'Signalled', signal } : { kind: 'Exited', exitCode: code };
  }
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}
