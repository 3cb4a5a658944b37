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

/** A look at a list that connectors share, of a batch system that is asked from here. */
export interface SharedLook extends PollAnswer {
  /** It is this connector's turn to ask, and to leave the answer for the others. */
  turn?: Turn;
}

export interface Turn {
  /** Seconds, by the clock of whoever keeps the list. */
  at: number;
  /** What is being followed by any of them. */
  ids: string[];
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

/** What connectors of one user leave for each other beside their jobs' folders: $queue, and what goes with it. */
const SHARED_LIST = `modified() { stat -c %Y "$1" 2>/dev/null || echo 0; }
now=$(date +%s)
# Whose turn it is to ask, of all who look: nobody's before $interval seconds have passed.
take_turn() {
  [ $((now - $(modified "$queue.asked"))) -ge "$interval" ] || return
  exec 9>"$queue.lock"
  flock -n 9 && [ $(($(date +%s) - $(modified "$queue.asked"))) -ge "$interval" ] && touch "$queue.asked"
}
say_list() { # KNOWN
  echo "list $1 $((now - $(modified "$queue")))"
  [ -e "$queue.error" ] && echo "error $(head -c 2000 "$queue.error" | base64 -w0)"
  awk -F '[| ]+' -v id="$id" '{ first = $1 == "" ? $2 : $1 } first == id { print "job " $0 }' "$queue" 2>/dev/null
}`;

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
queue=$root/queue-${system.name}
${SHARED_LIST}
(
  take_turn || exit
  if list >"$queue.new" 2>"$queue.error.new"; then
    touch -r "$queue.asked" "$queue.new"
    mv -f "$queue.new" "$queue"
    rm -f "$queue.error" "$queue.error.new"
  else
    mv -f "$queue.error.new" "$queue.error"
  fi
)
cd -- "$folder" || exit
known=no
[ "$queue" -nt jobid ] && known=yes
say_list $known
${READ_FILES}`;
}

/** Somebody looks at a job at least so often while it is followed. */
const FOLLOWED_MINUTES = 3;

/**
 * As {@link pollScript}, of a batch system that is asked from here: $2 is empty where the job's folder cannot be read, $5 names the
 * list. Whose turn it is to ask is told so, with the ids that are followed, and leaves the answer by {@link PUBLISH_SCRIPT}; who
 * dies before that is one turn lost.
 */
export const SHARED_POLL_SCRIPT = `
root=$1 folder=$2 id=$3 interval=$4 queue=$root/queue-$5
${SHARED_LIST}
mkdir -p "$queue.followed" && touch "$queue.followed/$id" || exit
(
  take_turn || exit
  find "$queue.followed" -type f -mmin +${FOLLOWED_MINUTES} -delete
  echo "ask $now" $(ls "$queue.followed")
)
known=no
# What was followed when the list was asked for had been submitted before.
read -r asked <"$queue" && case " $asked " in *" $id "*) known=yes ;; esac
say_list $known
[ -n "$folder" ] || exit 0
cd -- "$folder" || exit
${READ_FILES}`;

/** $1 folder of all jobs, $2 name of the list, $3 when it was asked for, $4 `list` or `error`, which comes on stdin; $5 its size. */
export const PUBLISH_SCRIPT = `
queue=$1/queue-$2
exec 9>"$queue.lock"
flock 9
cat >"$queue.new" && [ "$(wc -c <"$queue.new")" -eq "$5" ] && touch -d "@$3" "$queue.new" || exit
if [ "$4" = error ]; then mv -f "$queue.new" "$queue.error"
elif [ "$queue" -nt "$queue.new" ]; then rm -f "$queue.new"
else mv -f "$queue.new" "$queue" && rm -f "$queue.error"
fi`;

export function pollInput(positions: ReadonlyMap<string, LogPosition>): string {
  return [...positions].map(([file, { inode, offset }]) => `${file} ${inode} ${offset}\n`).join('');
}

/** @param readList of lines that begin with the id, as {@link BatchSystem.readList} and {@link readSharedLine} take them */
export function readPoll(readList: (text: string) => JobReport[], text: string): SharedLook {
  const answer: SharedLook = {
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
      answer.jobs.push(...readList(line.slice('job '.length)));
    } else if (kind === 'ask') {
      answer.turn = { at: Number(words[0]), ids: words.slice(1) };
    } else if (kind === 'status') {
      answer.statusFiles.push(statusFile(words));
    } else if (kind === 'log') {
      answer.logs.push(logPiece(words));
    }
  }
  answer.isMore = answer.logs.some(({ bytes }) => bytes.length === PIECE_BYTES);
  return answer;
}

/** A list to be shared: what was followed when it was asked for, then the reports. */
export function sharedLines(ids: readonly string[], reports: readonly JobReport[]): string {
  return [`asked ${ids.join(' ')}`, ...reports.map((report) => `${report.id} ${JSON.stringify(report)}`), ''].join(
    '\n',
  );
}

export function readSharedLine(line: string): JobReport[] {
  return [JSON.parse(line.slice(line.indexOf(' '))) as JobReport];
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
