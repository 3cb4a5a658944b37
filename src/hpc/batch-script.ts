import type { BatchSystem } from './batch-system.ts';
import { checkpointedRun } from './checkpoint-script.ts';
import type { JobRequest } from './job.ts';
import { quoteWord, quoteWords } from './shell-words.ts';

/**
 * The script that the batch system runs: the user's directives, then a shell that starts the user's program and writes to
 * `status` (`status.N` for a task of an array) when it started and how it ended, so that its end is known even where accounting
 * is not. It dies by the signal its program died by, so that the batch system sees the same.
 *
 * @param folder absolute path of the job's folder there
 * @param options `isCarried`: the program is within the batch script, where the connector can write no files there;
 * `opensOutput`: the job sends its output to its folder itself
 */
export function batchScript(
  system: BatchSystem,
  request: JobRequest,
  folder: string,
  { isCarried = false, opensOutput = system.jobOpensOutput }: { isCarried?: boolean; opensOutput?: boolean } = {},
): string {
  const environment = Object.entries(request.environment ?? {}).map(
    ([name, value]) => `export ${name}=${quoteWord(value)}`,
  );
  const names = request.modules ?? [];
  const modules = [
    // Defined for login shells only at many sites, which a batch script is not.
    ...(names.length === 0 ? [] : ['type module >/dev/null 2>&1 || . /etc/profile']),
    ...names.map((name) => `module load ${quoteWord(name)} || exit 126`),
  ];
  // Where the batch system has no option for it, the job changes to its working directory itself.
  const directory = system.jobOpensOutput ? request.workingDirectory : undefined;
  return `#!/bin/bash
${directives(system, request.script).join('\n')}
umask 077
folder=${quoteWord(folder)}
${isCarried ? unpackProgram(request.script) : ''}task=\${${system.taskVariable}:-}
[ "$task" != undefined ] || task=
status=$folder/status\${task:+.$task}
${opensOutput ? OPEN_OUTPUT : ''}${directory === undefined ? '' : `cd -- ${quoteWord(directory)} || exit 126\n`}say() { printf '%s\\n' "$1" >"$status.new" && mv -f "$status.new" "$status"; }
${[...environment, ...modules].join('\n')}
${request.image === undefined ? '' : FIND_CONTAINER}say "started $(date +%s)"
${request.checkpoint === undefined ? plainRun(programLine(request)) : checkpointedRun(programLine(request), request.checkpoint)}
say "ended $code $(date +%s)"
trap - TERM INT HUP USR1 USR2 CONT
[ $code -le 128 ] || kill -s $((code - 128)) $$ 2>/dev/null
exit $code
`;
}

function plainRun(program: string): string {
  return `${program} &
child=$!
for signal in TERM INT HUP USR1 USR2 CONT; do trap "kill -$signal $child 2>/dev/null" $signal; done
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null || break
done`;
}

/** Apptainer was called Singularity; NVIDIA's devices are handed in where there are any. */
const FIND_CONTAINER = `container=$(command -v apptainer || command -v singularity) ||
  { echo 'neither apptainer nor singularity is on the PATH of the compute node: load its module (--module)' >&2; exit 127; }
[ -e /dev/nvidiactl ] && gpus=yes || gpus=
`;

const OPEN_OUTPUT = `exec >>"$folder/stdout\${task:+.$task}" 2>>"$folder/stderr\${task:+.$task}"
`;

function unpackProgram(script: string): string {
  const lines = Buffer.from(script).toString('base64').replaceAll(/.{76}/g, '$&\n');
  // Under another name first: tasks of an array begin together, and a program that runs cannot be written to.
  return `export HOME="\${HOME:-$(getent passwd "$(id -un)" | cut -d: -f6)}"
mkdir -p -- "$folder" && base64 -d >"$folder/script.$$" <<'END' || exit 126
${lines}
END
chmod 700 "$folder/script.$$" && mv -f "$folder/script.$$" "$folder/script" || exit 126
`;
}

/** The lines of the user's script that speak to the batch system: they end at its first command, as the batch systems have it. */
export function directives(system: BatchSystem, script: string): string[] {
  const found: string[] = [];
  for (const line of script.split('\n')) {
    if (line.startsWith(`${system.directive} `)) found.push(line.trimEnd());
    else if (line.trim() !== '' && !line.startsWith('#')) break;
  }
  return found;
}

function programLine(request: JobRequest): string {
  const words = ['"$folder/script"', quoteWords(request.arguments ?? [])].filter((word) => word !== '').join(' ');
  if (request.image === undefined) return words;
  return `$container exec --bind "$folder" \${gpus:+--nv} ${quoteWord(request.image)} ${words}`;
}
