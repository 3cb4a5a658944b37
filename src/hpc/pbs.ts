import { FermataError } from '../model/index.ts';
import type { BatchSystem } from './batch-system.ts';
import type { JobComponent, JobEnd, JobPhase, JobReport, JobRequest } from './job.ts';
import { PBS_USAGE } from './usage.ts';

/**
 * Every state that PBS documents (qstat(1B), job_state). `M` (moved to another server) and `X` (a task that is over) are out of
 * this server's hands: how they end is asked elsewhere.
 */
const PHASES: Readonly<Record<string, JobPhase>> = {
  Q: 'Pending',
  H: 'Pending',
  W: 'Pending',
  T: 'Pending',
  B: 'Running',
  R: 'Running',
  E: 'Running',
  S: 'Suspended',
  U: 'Suspended',
  F: 'Ended',
  X: 'Ended',
  M: 'Ended',
};

/** Fields of `qstat -f` that are read, in this order on one line. */
const FIELDS = [
  'job_state',
  'substate',
  'Exit_status',
  'resources_used.walltime',
  'Resource_List.walltime',
  'exec_host',
  'comment',
] as const;

/**
 * Blocks of `qstat -f` to lines of `id|task|` and FIELDS; a task goes under the id of its array. Long values go on in lines that
 * begin with a tab. (`-F json` is there in newer versions only, and is no JSON where a value has quotes.)
 */
const LINES = `awk '
function out(i) { if (id == "") return
  line = id "|" task
  for (i = 1; i <= n; i++) { gsub(/[|]/, "/", value[names[i]]); line = line "|" value[names[i]] }
  print line }
BEGIN { n = split("${FIELDS.join(' ')}", names, " ") }
/^Job Id: / { out(); id = $3; task = ""; split("", value)
  if (match(id, /\\[[0-9]+\\]/)) { task = substr(id, RSTART + 1, RLENGTH - 2); sub(/\\[[0-9]+\\]/, "[]", id) }
  next }
/^\\t/ { sub(/^\\t/, ""); value[key] = value[key] $0; next }
/^    [A-Za-z_.]+ = / { key = $1; sub(/^    [^ ]+ = /, ""); value[key] = $0 }
END { out() }'`;

/**
 * OpenPBS and PBS Professional, by their commands as documented: qsub, qselect, qstat, qdel. It has not met a live server: there
 * is no package of PBS for Debian.
 */
export const PBS: BatchSystem = {
  name: 'pbs',
  directive: '#PBS',
  taskVariable: 'PBS_ARRAY_INDEX',
  jobOpensOutput: true,

  submitCommand(request, { folder, jobName }) {
    return [
      'qsub',
      '-N',
      jobName,
      '-S',
      '/bin/bash',
      '-j',
      'oe',
      '-o',
      `${folder}/pbs.out`,
      ...resourceOptions(request),
    ];
  },

  idFromSubmit: String.raw`s/^\([0-9][0-9]*\(\[\]\)\{0,1\}\(\.[^ ]*\)\{0,1\}\)$/\1/p`,
  temporary:
    /cannot connect to server|connection refused|communication failure|server is (?:down|busy)|time(?:d )?out/i,

  findByName: 'qselect -x -u "$(id -un)" -N "$1"',

  // A job that ends between the two commands is no fault of the second.
  list: `ids=$(qselect -u "$(id -un)") && { [ -z "$ids" ] || { printf '%s\\n' "$ids" | xargs qstat -t -f 2>/dev/null; true; } | ${LINES}; }`,
  readList: (text) => readLines(text),

  // Where the site keeps no history, it knows as much as of a job that never was.
  account: `
said=$(qstat -x -t -f "$@" 2>&1) || case $said in
  *'Unknown Job Id'* | *'job history'*) ;;
  *) echo "$said" >&2; exit 1 ;;
esac
printf '%s\\n' "$said" | ${LINES}`,
  // Of an array that is over its tasks tell how.
  readAccount: (text) =>
    readLines(text).filter(({ phase, task, id }) => phase !== 'Ended' || task !== undefined || !id.includes('[')),

  cancel: 'qdel "$@"',
  usage: PBS_USAGE,
  describe: 'qstat -f "$1" 2>/dev/null || qstat -x -f "$1"',
};

function resourceOptions(request: JobRequest): string[] {
  if (request.checkpoint !== undefined) {
    throw new FermataError('InvalidJobRequest', 'jobs of PBS are not checkpointed: only Slurm warns them on request', {
      nextStep: 'leave --checkpoint out; Slurm has it',
    });
  }
  if (request.components?.some(({ partition }) => partition !== undefined) === true) {
    throw new FermataError('InvalidJobRequest', 'the components of a PBS job share one queue', {
      nextStep: 'leave partition out of --component',
    });
  }
  const option = (flag: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [flag, String(value)];
  const select = [request, ...(request.components ?? [])].map(chunk).join('+');
  return [
    ...(select === '' ? [] : ['-l', `select=${select}`]),
    ...(request.walltimeSeconds === undefined ? [] : ['-l', `walltime=${clockTime(request.walltimeSeconds)}`]),
    // A reservation is a queue of its own.
    ...option('-q', request.reservation ?? request.partition),
    ...option('-A', request.account),
    ...option('-P', request.qualityOfService),
    ...option('-J', request.array),
    ...option('-W', request.dependency === undefined ? undefined : `depend=${request.dependency}`),
    ...(request.requeue === undefined ? [] : ['-r', request.requeue ? 'y' : 'n']),
    ...(request.submitOptions ?? []),
  ];
}

/** What one kind of node gives, in the words of `-l select`; empty when nothing is asked for. */
function chunk({ nodes, tasks, cpusPerTask, memoryMebibytes, gpus }: JobComponent): string {
  if ([nodes, tasks, cpusPerTask, memoryMebibytes, gpus].every((one) => one === undefined)) return '';
  const tasksOfNode = Math.ceil((tasks ?? nodes ?? 1) / (nodes ?? 1));
  return [
    String(nodes ?? 1),
    `ncpus=${tasksOfNode * (cpusPerTask ?? 1)}`,
    ...(tasks === undefined ? [] : [`mpiprocs=${tasksOfNode}`]),
    ...(memoryMebibytes === undefined ? [] : [`mem=${memoryMebibytes}mb`]),
    ...(gpus === undefined ? [] : [`ngpus=${gpus}`]),
  ].join(':');
}

/** `HH:MM:SS`; hours may be more than 24. */
function clockTime(seconds: number): string {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.ceil(seconds % 60)];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

function readLines(text: string): JobReport[] {
  return text.split('\n').flatMap((line): JobReport[] => {
    const [id = '', task = '', state = '', substate = '', exit = '', used = '', limit = '', host = '', comment = ''] =
      line.split('|');
    const phase = PHASES[state];
    if (!/^\d/.test(id) || phase === undefined) return [];
    const end = phase === 'Ended' ? endOf(exit, substate, used, limit) : undefined;
    return [
      {
        id,
        ...(task === '' ? {} : { task }),
        phase,
        native: state,
        ...(comment === '' ? {} : { reason: comment.replace(/ at \w{3} \w{3} .*$/, '') }),
        ...(host === '' ? {} : { nodes: host }),
        ...(end === undefined ? {} : { end }),
      },
    ];
  });
}

/** JOB_SUBSTATE_TERMINATED: by qdel, or by the server. */
const TERMINATED = '91';

/**
 * `Exit_status` (PBS Reference Guide; job.h of OpenPBS): below 0 PBS says why, up to 127 it is the program's, above it a signal
 * is added to 128 or 256. A job that was deleted while it waited has none. Undefined where PBS does not say.
 */
function endOf(exit: string, substate: string, used: string, limit: string): JobEnd | undefined {
  if (exit === '') return substate === TERMINATED ? { kind: 'Cancelled' } : undefined;
  const status = Number(exit);
  if (status < 0) return REASONS[status] ?? { kind: 'NodeFailure' };
  const signal = status >= 256 ? status - 256 : status - 128;
  // Without a reason of its own, an older PBS ends what is over its walltime by SIGTERM.
  if (signal === 15 && limit !== '' && secondsOf(used) > secondsOf(limit)) return { kind: 'DeadlineExceeded' };
  if (substate === TERMINATED) return { kind: 'Cancelled' };
  return signal > 0 ? { kind: 'Signalled', signal } : { kind: 'Exited', exitCode: status };
}

/** JOB_EXEC_…; those not named here mean that the job could not be started, or lost its node. */
const REASONS: Readonly<Record<number, JobEnd>> = {
  [-17]: { kind: 'Cancelled', by: 'a hook of the site' },
  [-19]: { kind: 'Cancelled', by: 'a hook of the site' },
  [-24]: { kind: 'Cancelled', by: 'PBS: it used more processors than it asked for' },
  [-25]: { kind: 'Cancelled', by: 'PBS: it used more processors than it asked for' },
  [-26]: { kind: 'OutOfMemory' },
  [-27]: { kind: 'OutOfMemory' },
  [-28]: { kind: 'DeadlineExceeded' },
  [-29]: { kind: 'DeadlineExceeded' },
};

function secondsOf(clock: string): number {
  return clock.split(':').reduce((seconds, part) => seconds * 60 + Number(part), 0);
}
