import type { BatchSystem } from './batch-system.ts';
import type { JobReport } from './job.ts';
import { quoteWord } from './shell-words.ts';

/** How far a log file has been read. */
export interface LogPosition {
  inode: string;
  offset: number;
}

/** A piece of a log. `note`: something a reader should know that comes before the piece. */
export interface LogPiece {
  /** `stdout`, `stderr`, `stdout.3` for a task of an array. */
  file: string;
  bytes: Buffer;
  position: LogPosition;
  note?: 'rotated' | 'truncated';
}

/** What a job wrote of itself: `ended` with the program's exit status, as a shell has it. */
export interface StatusFile {
  /** Index in an array. */
  task?: string;
  ended?: number;
}

export interface PollAnswer {
  /** This job's lines of the batch system's list. */
  jobs: JobReport[];
  /** The list was asked for after the job was submitted: a job that is not in it has left the queue. */
  isListKnown: boolean;
  /** Seconds since the batch system last answered. */
  listAgeSeconds: number;
  /** What it said when it last did not answer. */
  listError?: string;
  statusFiles: StatusFile[];
  logs: LogPiece[];
  /** There is more to be read at once. */
  isMore: boolean;
}

/** For each poll and file. */
const PIECE_BYTES = 262_144;

/**
 * In the job's folder: its status files, then what is new in its logs. An array has three files a task: no process is started for
 * one in which nothing is new.
 */
const READ_FILES = `for file in status status.*; do
  case $file in *.new) continue ;; esac
  [ -s "$file" ] && read -r line <"$file" && echo "status $file $line"
done 2>/dev/null
declare -A inodes offsets
while read -r file inode offset; do inodes[$file]=$inode; offsets[$file]=$offset; done
send() { # FILE PATH INODE OFFSET NOTE
  printf 'log %s %s %s %s ' "$1" "$3" "$4" "$5"
  tail -c +$(($4 + 1)) "$2" | head -c ${PIECE_BYTES} | base64 -w0
  echo
}
while read -r file inode size; do
  offset=\${offsets[$file]:-0} before=\${inodes[$file]:-$inode} note=-
  if [ "$inode" != "$before" ]; then
    old=$(find . -maxdepth 1 -inum "$before" -print -quit)
    if [ -n "$old" ] && [ "$(stat -c %s "$old")" -gt "$offset" ]; then
      send "$file" "$old" "$before" "$offset" -
      continue
    fi
    offset=0 note=rotated
  fi
  [ "$size" -lt "$offset" ] && offset=0 note=truncated
  [ "$size" -gt "$offset" ] && send "$file" "$file" "$inode" "$offset" "$note"
done < <(stat -c '%n %i %s' stdout stdout.[0-9]* stderr stderr.[0-9]* 2>/dev/null)
true`;

/** {@link pollScript} without the batch system: $1 is the job's folder. */
export const FILES_SCRIPT = `cd -- "$1" || exit
${READ_FILES}`;

/**
 * One look at a job, in one command: $1 folder of all jobs, $2 of this one, $3 its id, $4 seconds between two questions to the
 * batch system. The answer to that question is shared by all connectors of the user on the site: whoever finds it too old asks
 * anew, one at a time.
 *
 * Log files are read from where the last poll ended. One that was rotated is first read to its end under its new name; one
 * that was truncated is read from its new beginning.
 */
export function pollScript(system: BatchSystem): string {
  return `
root=$1 folder=$2 id=$3 interval=$4
list() { timeout 60 bash -c ${quoteWord(`set -o pipefail; ${system.list}`)}; }
modified() { stat -c %Y "$1" 2>/dev/null || echo 0; }
queue=$root/queue-${system.name}
now=$(date +%s)
if [ $((now - $(modified "$queue.asked"))) -ge "$interval" ]; then
  (
    flock -n 9 || exit 0
    touch "$queue.asked"
    if list >"$queue.new" 2>"$queue.error.new"; then
      touch -r "$queue.asked" "$queue.new"
      mv -f "$queue.new" "$queue"
      rm -f "$queue.error" "$queue.error.new"
    else
      mv -f "$queue.error.new" "$queue.error"
    fi
  ) 9>"$queue.lock"
fi
cd -- "$folder" || exit
known=no
[ "$queue" -nt jobid ] && known=yes
echo "list $known $((now - $(modified "$queue")))"
[ -e "$queue.error" ] && echo "error $(head -c 2000 "$queue.error" | base64 -w0)"
awk -F '[| ]+' -v id="$id" '{ first = $1 == "" ? $2 : $1 } first == id { print "job " $0 }' "$queue" 2>/dev/null
${READ_FILES}`;
}

export function pollInput(positions: ReadonlyMap<string, LogPosition>): string {
  return [...positions].map(([file, { inode, offset }]) => `${file} ${inode} ${offset}\n`).join('');
}

export function readPoll(system: BatchSystem, text: string): PollAnswer {
  const answer: PollAnswer = {
    jobs: [],
    isListKnown: false,
    listAgeSeconds: 0,
    statusFiles: [],
    logs: [],
    isMore: false,
  };
  for (const line of text.split('\n')) {
    const [kind, ...words] = line.split(' ');
    if (kind === 'list') {
      answer.isListKnown = words[0] === 'yes';
      answer.listAgeSeconds = Number(words[1]);
    } else if (kind === 'error') {
      answer.listError = Buffer.from(words[0] ?? '', 'base64')
        .toString()
        .trim();
    } else if (kind === 'job') {
      answer.jobs.push(...system.readList(line.slice('job '.length)));
    } else if (kind === 'status') {
      answer.statusFiles.push(statusFile(words));
    } else if (kind === 'log') {
      answer.logs.push(logPiece(words));
    }
  }
  answer.isMore = answer.logs.some(({ bytes }) => bytes.length === PIECE_BYTES);
  return answer;
}

function statusFile([file = '', word, value]: string[]): StatusFile {
  const task = file.split('.')[1];
  return {
    ...(task === undefined ? {} : { task }),
    ...(word === 'ended' ? { ended: Number(value) } : {}),
  };
}

function logPiece([file = '', inode = '', offset, note, encoded = '']: string[]): LogPiece {
  const bytes = Buffer.from(encoded, 'base64');
  return {
    file,
    bytes,
    position: { inode, offset: Number(offset) + bytes.length },
    ...(note === 'rotated' || note === 'truncated' ? { note } : {}),
  };
}
