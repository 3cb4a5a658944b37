import type { BatchSystem } from './batch-system.ts';
import type { JobRequest } from './job.ts';
import { quoteWord, quoteWords } from './shell-words.ts';

/**
 * The script that the batch system runs: the user's directives, then a shell that starts the user's program and writes to
 * `status` (`status.N` for a task of an array) when it started and how it ended, so that its end is known even where accounting
 * is not. It dies by the signal its program died by, so that the batch system sees the same.
 */
export function batchScript(system: BatchSystem, request: JobRequest, folder: string): string {
  const environment = Object.entries(request.environment ?? {}).map(
    ([name, value]) => `export ${name}=${quoteWord(value)}`,
  );
  const modules = (request.modules ?? []).map((name) => `module load ${quoteWord(name)} || exit 126`);
  return `#!/bin/bash
${directives(system, request.script).join('\n')}
umask 077
folder=${quoteWord(folder)}
task=\${${system.taskVariable}:-}
[ "$task" != undefined ] || task=
status=$folder/status\${task:+.$task}
say() { printf '%s\\n' "$1" >"$status.new" && mv -f "$status.new" "$status"; }
${[...environment, ...modules].join('\n')}
say "started $(date +%s)"
${programLine(request)} &
child=$!
for signal in TERM INT HUP USR1 USR2 CONT; do trap "kill -$signal $child 2>/dev/null" $signal; done
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null || break
done
say "ended $code $(date +%s)"
trap - TERM INT HUP USR1 USR2 CONT
[ $code -le 128 ] || kill -s $((code - 128)) $$ 2>/dev/null
exit $code
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
  return `apptainer exec --bind "$folder" ${quoteWord(request.image)} ${words}`;
}
