import { quoteWord } from './shell-words.ts';

/** How a job is checkpointed at its site. */
export interface JobCheckpoint {
  /** CRIU there: a path, or a name on the PATH. */
  criu: string;
  /** The site warns the job so long before it takes the nodes away. */
  warningSeconds: number;
}

/**
 * The part of a batch script that runs a program which may be dumped: on the site's warning (USR1) CRIU writes it to
 * `checkpoint` (`checkpoint.N` for a task of an array) and the job puts itself back into the queue; when it runs again, on
 * whatever node, the program goes on. All of it as the ordinary user (CRIU's unprivileged mode, criu(8)). A dump that fails leaves
 * the program running, and an older checkpoint in place.
 *
 * Ends with `code` set to the program's exit status. A shell around the program writes it to a file, since CRIU does not hand on
 * how what it restored has ended; its session is its own, which CRIU asks for.
 */
export function checkpointedRun(program: string, { criu }: JobCheckpoint): string {
  return `checkpoint=$folder/checkpoint\${task:+.$task}
[ -e "$checkpoint/ready" ] || [ ! -e "$checkpoint.old/ready" ] || { rm -rf "$checkpoint"; mv "$checkpoint.old" "$checkpoint"; }
said='not found'
criu=$(command -v -- ${quoteWord(criu)}) && said=$("$criu" check --unprivileged 2>&1) ||
  { echo "fermata: no checkpoints on $(hostname): CRIU: $said" >&2; criu=; }
rm -f "$checkpoint.exit"
attempts=0
begin() {
  if [ -e "$checkpoint/ready" ]; then
    [ -n "$criu" ] || { echo "fermata: the checkpoint stays in $checkpoint" >&2; exit 126; }
    pid=$(cat "$checkpoint/pid") attempts=$((attempts + 1))
    "$criu" restore --unprivileged --manage-cgroups=ignore -D "$checkpoint" -o restore.log >/dev/null 2>&1 &
    child=$!
  else
    setsid bash -c '"$@"; echo $? >"$0"' "$checkpoint.exit" ${program} </dev/null &
    child=$! pid=$child
  fi
}
first_error() { grep -m 1 Error "$1" 2>/dev/null || echo "see $1"; }
suspend() {
  [ -n "$criu" ] || { kill -USR1 -- "-$pid" 2>/dev/null; return; }
  rm -rf "$checkpoint.new" && mkdir -p "$checkpoint.new"
  if "$criu" dump --unprivileged --manage-cgroups=ignore -t "$pid" -D "$checkpoint.new" -o dump.log >/dev/null 2>&1; then
    echo "$pid" >"$checkpoint.new/pid" && sync "$checkpoint.new"/* && touch "$checkpoint.new/ready"
    rm -rf "$checkpoint.old"
    [ ! -e "$checkpoint" ] || mv "$checkpoint" "$checkpoint.old"
    mv "$checkpoint.new" "$checkpoint" && rm -rf "$checkpoint.old"
    echo 'fermata: checkpoint made, waiting in the queue again' >&2
    scontrol requeue "$SLURM_JOB_ID" >&2 && exit 0
    echo 'fermata: the site does not put the job back into the queue; it goes on here' >&2
    attempts=0
    begin
  else
    echo "fermata: no checkpoint, the program goes on: $(first_error "$checkpoint.new/dump.log")" >&2
  fi
}
begin
for signal in TERM INT HUP USR2 CONT; do trap 'kill -'$signal' -- "-$pid" 2>/dev/null' $signal; done
trap suspend USR1
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null && continue
  [ ! -e "$checkpoint.exit" ] || { code=$(cat "$checkpoint.exit"); break; }
  [ $attempts -gt 0 ] || break
  # Restored, then killed with its shell.
  [ $code -ne 0 ] || { code=137; break; }
  # Its number is taken while the kernel or its reaper keeps what was killed.
  [ $attempts -lt 10 ] || { echo "fermata: not resumed: $(first_error "$checkpoint/restore.log")" >&2; exit 126; }
  sleep 2
  begin
done
rm -rf "$checkpoint" "$checkpoint.exit"`;
}

/** Exits above 0 with the reason when this user cannot be checkpointed on this machine. $1 CRIU, $2 folder of the job. */
export const CHECKPOINT_PROBE = `[ ! -s "$2/jobid" ] || exit 0
program=$(command -v -- "$1") || { echo "there is no $1"; exit 1; }
said=$("$program" check --unprivileged 2>&1) || { echo "$program: $said" | grep -v XDG_RUNTIME_DIR; exit 1; }
command -v setsid scontrol >/dev/null || { echo 'setsid or scontrol is missing'; exit 1; }`;
