import type { Readable, Writable } from 'node:stream';
import { FermataError } from '../model/index.ts';
import type { Access, Answer, RunOptions } from './access.ts';
import { batchScript } from './batch-script.ts';
import type { BatchSite, JobCard, Submission } from './batch-site.ts';
import type { BatchSystem } from './batch-system.ts';
import { CHECKPOINT_PROBE, type JobCheckpoint } from './checkpoint-script.ts';
import type { KeptJob } from './garbage.ts';
import { type JobReport, type JobRequest, jobLabel } from './job.ts';
import {
  type LogPosition,
  type PollAnswer,
  PUBLISH_SCRIPT,
  pollInput,
  pollScript,
  readPoll,
  readSharedLine,
  SHARED_POLL_SCRIPT,
  type SharedLook,
  sharedLines,
  type Turn,
} from './poll.ts';
import { type JobUsage, readUsage, usageScript } from './usage.ts';

/** Where the connector keeps its files there, below the home directory, unless told otherwise. */
export const DEFAULT_DIRECTORY = '.fermata/hpc';

export interface SiteOptions {
  system: BatchSystem;
  access: Access;
  /** Folder for the connector's files on the site; relative to the home directory. Default {@link DEFAULT_DIRECTORY}. */
  directory?: string;
  /** The batch system is asked at most this often, by all connectors of this user together. Default 10. */
  queueSeconds?: number;
}

/** One batch system behind a shell: by ssh on its login node, or here. */
export class Site implements BatchSite {
  readonly withoutLogs = '';
  readonly #options: SiteOptions;
  #directory: string | undefined;

  constructor(options: SiteOptions) {
    this.#options = options;
  }

  get system(): BatchSystem {
    return this.#options.system;
  }

  get host(): string {
    return this.#options.access.host;
  }

  /** Absolute path of the job's folder there. */
  async folderOf(mark: string, signal?: AbortSignal): Promise<string> {
    return `${await this.#root(signal)}/${mark}`;
  }

  /**
   * Submits the job, unless an earlier incarnation did: then that job is returned. Exactly one job comes of any number of calls,
   * though answers are lost and connectors die: a mark is left before the submit, all of it happens in one command there that
   * goes on when the connection is lost, one at a time under a lock, and after an attempt whose outcome nobody knows the batch
   * system is asked by the job's unique name first.
   *
   * Undefined when the job of this mark has ended and somebody was told so ({@link conclude}): the next try is another job.
   *
   * @throws FermataError `SubmitRefused` with the site's own words; `SiteUnreachable` when trying again is safe and may help
   */
  async submit(request: JobRequest, card: JobCard, signal?: AbortSignal): Promise<Submission | undefined> {
    const { access, system } = this.#options;
    const folder = await this.folderOf(card.mark, signal);
    const words = system.submitCommand(request, { folder, jobName: card.jobName, mark: card.mark });
    if (request.checkpoint !== undefined) await this.#probeCheckpoint(request.checkpoint, folder, signal);
    const parts = [batchScript(system, request, folder), request.script, `${JSON.stringify(card)}\n`];
    const answer = await access.run(
      SUBMIT.replace('FIND', () => system.findByName),
      {
        arguments: [
          folder,
          card.jobName,
          system.idFromSubmit,
          ...parts.map((part) => String(Buffer.byteLength(part))),
          ...words,
        ],
        input: parts.join(''),
        ...(signal === undefined ? {} : { signal }),
      },
    );
    const id = /^(?:submitted|adopted) (\d\S*)$/m.exec(answer.stdout)?.[1];
    if (answer.status === 0 && id !== undefined) return { id, adopted: /^adopted /m.test(answer.stdout) };
    if (answer.status === 0 && answer.stdout.trim() === 'concluded') return undefined;
    const said = `${answer.stdout}\n${answer.stderr}`.trim() || `exit status ${answer.status}`;
    if (answer.status === TRY_AGAIN || system.temporary.test(said)) {
      throw new FermataError('SiteUnreachable', `${this.host}: ${system.name} does not take the job now: ${said}`);
    }
    throw new FermataError('SubmitRefused', `${this.host} refused the job: ${said}`, {
      nextStep: `${words[0]} was called as: ${words.join(' ')}`,
    });
  }

  /** The job has ended, not well, and whoever waited for it is about to be told: it is not to be taken up again. */
  async conclude(mark: string, signal?: AbortSignal): Promise<void> {
    const answer = await this.#run(': >"$1/concluded"', [await this.folderOf(mark, signal)], { signal });
    if (answer.status !== 0) throw this.#unreachable("the job's end could not be noted", answer.stderr);
  }

  /** The job's own folder for files that are brought there; where it runs when files are staged. */
  async workFolderOf(mark: string, signal?: AbortSignal): Promise<string> {
    return `${await this.folderOf(mark, signal)}/work`;
  }

  /** Were files brought there for this job? Then it may have begun to change them. */
  async isStaged(mark: string, signal?: AbortSignal): Promise<boolean> {
    const answer = await this.#run('[ -d "$1" ]', [await this.workFolderOf(mark, signal)], { signal });
    return answer.status === 0;
  }

  /** Unpacks a tar aside; {@link acceptFiles} puts it into its place once it is known to be whole. */
  async receiveFiles(mark: string, archive: Readable, signal?: AbortSignal): Promise<void> {
    const answer = await this.#run(RECEIVE, [await this.folderOf(mark, signal)], {
      input: archive,
      timeoutMilliseconds: TRANSFER_MILLISECONDS,
      signal,
    });
    if (answer.status !== 0) throw this.#unreachable('the files could not be unpacked', answer.stderr);
  }

  async acceptFiles(mark: string, signal?: AbortSignal): Promise<void> {
    const answer = await this.#run('cd -- "$1" && mv work.new work', [await this.folderOf(mark, signal)], { signal });
    if (answer.status !== 0) throw this.#unreachable('the files could not be put into their place', answer.stderr);
  }

  /** Packs what the patterns match in the job's work folder into a tar; a pattern that matches nothing is left out. */
  async sendFiles(mark: string, patterns: readonly string[], archive: Writable, signal?: AbortSignal): Promise<void> {
    const answer = await this.#run(SEND, [await this.workFolderOf(mark, signal), ...patterns], {
      output: archive,
      timeoutMilliseconds: TRANSFER_MILLISECONDS,
      signal,
    });
    if (answer.status !== 0) throw this.#unreachable('the files could not be packed', answer.stderr);
  }

  /** The state of the job as the batch system's list has it, status files, and what is new in its logs. */
  async poll(
    id: string,
    mark: string,
    positions: ReadonlyMap<string, LogPosition>,
    signal?: AbortSignal,
  ): Promise<PollAnswer> {
    const { access, system, queueSeconds = QUEUE_SECONDS } = this.#options;
    const root = await this.#root(signal);
    const answer = await access.run(pollScript(system), {
      arguments: [root, `${root}/${mark}`, id, String(queueSeconds)],
      input: pollInput(positions),
      ...(signal === undefined ? {} : { signal }),
    });
    if (answer.status !== 0) throw this.#unreachable("the job's folder cannot be read", answer.stderr);
    return readPoll((text) => system.readList(text), answer.stdout);
  }

  /**
   * As {@link poll}, of a batch system that is asked another way: the answer has the list that was shared last, and tells whose
   * turn it is to ask anew ({@link share}).
   *
   * @param list its name @param mark without: nothing is read of the job's folder
   */
  async lookAtShared(
    list: string,
    id: string,
    { mark, positions = new Map() }: { mark?: string; positions?: ReadonlyMap<string, LogPosition> },
    signal?: AbortSignal,
  ): Promise<SharedLook> {
    const root = await this.#root(signal);
    const { queueSeconds = QUEUE_SECONDS } = this.#options;
    const words = [root, mark === undefined ? '' : `${root}/${mark}`, id, String(queueSeconds), list];
    const answer = await this.#run(SHARED_POLL_SCRIPT, words, { input: pollInput(positions), signal });
    if (answer.status !== 0) throw this.#unreachable("the job's folder cannot be read", answer.stderr);
    return readPoll(readSharedLine, answer.stdout);
  }

  /** Leaves for all what the batch system said at this turn; a string: why it did not. */
  async share(list: string, turn: Turn, said: readonly JobReport[] | string, signal?: AbortSignal): Promise<void> {
    const what = typeof said === 'string' ? 'error' : 'list';
    const input = typeof said === 'string' ? said : sharedLines(turn.ids, said);
    const words = [await this.#root(signal), list, String(turn.at), what, String(Buffer.byteLength(input))];
    const answer = await this.#run(PUBLISH_SCRIPT, words, { input, signal });
    if (answer.status !== 0) throw this.#unreachable('the list of jobs cannot be left for others', answer.stderr);
  }

  /** Makes the folder of a job that is submitted another way, and leaves its card there; with its id, once it has one. */
  async keepCard(card: JobCard, id?: string, signal?: AbortSignal): Promise<void> {
    const words = [await this.folderOf(card.mark, signal), ...(id === undefined ? [] : [id])];
    const answer = await this.#run(KEEP_CARD, words, { input: `${JSON.stringify(card)}\n`, signal });
    if (answer.status !== 0) throw this.#unreachable("the job's folder cannot be made", answer.stderr);
  }

  /** What accounting knows; empty when it knows nothing (yet). */
  async account(ids: readonly string[], signal?: AbortSignal): Promise<JobReport[]> {
    const { access, system } = this.#options;
    const answer = await access.run(system.account, { arguments: ids, ...(signal === undefined ? {} : { signal }) });
    if (answer.status !== 0) {
      throw new FermataError(
        'SiteUnreachable',
        `${this.host}: ${system.name} does not answer: ${answer.stderr.trim()}`,
      );
    }
    return system.readAccount(answer.stdout);
  }

  /** All jobs of this user as the batch system lists them. */
  async list(signal?: AbortSignal): Promise<JobReport[]> {
    const { access, system } = this.#options;
    const answer = await access.run(system.list, signal === undefined ? {} : { signal });
    if (answer.status !== 0) {
      throw new FermataError(
        'SiteUnreachable',
        `${this.host}: ${system.name} does not answer: ${answer.stderr.trim()}`,
      );
    }
    return system.readList(answer.stdout);
  }

  /** Asks for the end of the jobs. Ones that have ended are no fault: look whether they are gone. */
  async cancel(ids: readonly string[], signal?: AbortSignal): Promise<void> {
    const { access, system } = this.#options;
    await access.run(system.cancel, { arguments: ids, ...(signal === undefined ? {} : { signal }) });
  }

  /** What the batch system says of one job, for people. */
  async describe(id: string, signal?: AbortSignal): Promise<string> {
    const { access, system } = this.#options;
    const answer = await access.run(system.describe, { arguments: [id], ...(signal === undefined ? {} : { signal }) });
    return answer.stdout || answer.stderr;
  }

  async usage(running: readonly JobReport[], signal?: AbortSignal): Promise<JobUsage[]> {
    const { access, system } = this.#options;
    const labels = Map.groupBy(running, ({ id }) => id);
    if (labels.size === 0) return [];
    const answer = await access.run(usageScript(system.usage), {
      arguments: [...labels].map(([id, tasks]) => `${id}:${tasks.map(jobLabel).join(',')}`),
      ...(signal === undefined ? {} : { signal }),
    });
    return readUsage(system.usage, answer.stdout);
  }

  /** The jobs that connectors of this user have submitted here and that were not cleaned away, oldest first. */
  async cards(signal?: AbortSignal): Promise<KeptJob[]> {
    const answer = await this.#options.access.run(CARDS, {
      arguments: [await this.#root(signal)],
      ...(signal === undefined ? {} : { signal }),
    });
    return answer.stdout.split('\n').flatMap((line) => {
      const [, id, seconds, card] = /^(\S+) (\d+) (\{.*\})$/.exec(line) ?? [];
      if (id === undefined || card === undefined) return [];
      const job: KeptJob = { ...(JSON.parse(card) as JobCard), id, modified: Number(seconds) * 1000 };
      return job.system === this.system.name ? [job] : [];
    });
  }

  /** Removes the job's folder there. Its logs go with it. */
  async forget(mark: string, signal?: AbortSignal): Promise<void> {
    await this.#options.access.run('rm -rf -- "$1/$2"', {
      arguments: [await this.#root(signal), mark],
      ...(signal === undefined ? {} : { signal }),
    });
  }

  close(): Promise<void> {
    return this.#options.access.close();
  }

  /** The login node stands for the compute nodes: a job says itself where one of them differs. */
  async #probeCheckpoint({ criu }: JobCheckpoint, folder: string, signal: AbortSignal | undefined): Promise<void> {
    const answer = await this.#run(CHECKPOINT_PROBE, [criu, folder], { signal });
    if (answer.status === 0) return;
    throw new FermataError('SiteRefused', `${this.host} does not let its users checkpoint: ${answer.stdout.trim()}`, {
      nextStep:
        'ask the site for CRIU 4 or newer with CAP_CHECKPOINT_RESTORE on all nodes (setcap cap_checkpoint_restore+eip /usr/sbin/criu), name another with --criu PATH, or leave --checkpoint out',
    });
  }

  #run(
    script: string,
    words: readonly string[],
    { signal, ...options }: Omit<RunOptions, 'arguments' | 'signal'> & { signal: AbortSignal | undefined },
  ): Promise<Answer> {
    return this.#options.access.run(script, {
      ...options,
      arguments: words,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  #unreachable(what: string, said: string): FermataError {
    return new FermataError('SiteUnreachable', `${this.host}: ${what}: ${said.trim()}`);
  }

  async #root(signal?: AbortSignal): Promise<string> {
    if (this.#directory === undefined) {
      const { access, directory = DEFAULT_DIRECTORY } = this.#options;
      const answer = await access.run(ROOT, { arguments: [directory], ...(signal === undefined ? {} : { signal }) });
      const path = answer.stdout.trim();
      if (answer.status !== 0 || !path.startsWith('/')) {
        throw new FermataError('SiteRefused', `${this.host}: ${directory} cannot be made: ${answer.stderr.trim()}`, {
          nextStep: 'name a writable folder that login and compute nodes share: --directory DIR',
        });
      }
      this.#directory = path;
    }
    return this.#directory;
  }
}

const QUEUE_SECONDS = 10;
/** As sysexits has it: EX_TEMPFAIL. */
const TRY_AGAIN = 75;

/** A transfer's own limit; a dead connection is noticed by ssh within half a minute. */
const TRANSFER_MILLISECONDS = 24 * 3600_000;

const RECEIVE = `umask 077; mkdir -p -- "$1" && cd -- "$1" && rm -rf work.new && mkdir work.new && tar -x -f - -C work.new`;

const SEND = `cd -- "$1" && shift || exit
shopt -s nullglob
files=()
for pattern in "$@"; do
  # Blanks in a pattern are blanks of a name.
  IFS= ; for file in $pattern; do [ -e "$file" ] && files+=("./$file"); done; unset IFS
done
tar -c -f - -- "\${files[@]}"`;

const ROOT = `umask 077; cd && mkdir -p -- "$1" && cd -- "$1" && pwd`;

const KEEP_CARD = `umask 077; mkdir -p -- "$1" && cd -- "$1" && cat >card.new && mv -f card.new card || exit
[ $# -lt 2 ] || { echo "$2" >jobid.new && mv -f jobid.new jobid; }`;

const CARDS = `cd -- "$1" && for card in $(ls -tr -- */card 2>/dev/null); do
  folder=\${card%/card}
  [ -s "$folder/jobid" ] || continue
  newest=$(find "$folder" -maxdepth 1 -printf '%Ts\\n' | sort -n | tail -n 1)
  printf '%s %s %s\\n' "$(cat "$folder/jobid")" "$newest" "$(cat "$card")"
done; true`;

/** $1 folder, $2 job name, $3 sed script, $4–$6 sizes of batch script, program and card on stdin, then the submit command. */
const SUBMIT = `
umask 077
folder=$1 name=$2 pattern=$3 batch=$4 script=$5 card=$6
shift 6
mkdir -p -- "$folder" && cd -- "$folder" || exit
exec 9>lock
flock -w 60 9 || { echo "another connector is submitting this job: $folder/lock"; exit ${TRY_AGAIN}; }
if [ -e concluded ]; then echo concluded; exit; fi
if [ -s jobid ]; then echo "adopted $(cat jobid)"; exit; fi
find_by_name() { FIND
}
if [ -e attempted ]; then
  found=$(find_by_name "$name") || { echo "the batch system does not say whether the job was submitted"; exit ${TRY_AGAIN}; }
  id=$(printf '%s\\n' "$found" | tail -n 1)
  if [ -n "$id" ]; then echo "$id" >jobid.new && mv jobid.new jobid && echo "adopted $id"; exit; fi
fi
head -c "$batch" >batch && head -c "$script" >script && head -c "$card" >card || exit
if [ "$(wc -c <card)" -ne "$card" ]; then echo "the job's files did not arrive whole"; exit ${TRY_AGAIN}; fi
chmod 700 script batch
touch attempted && sync attempted 2>/dev/null
"$@" "$folder/batch" >submit.out 2>submit.err </dev/null 9>&-
status=$?
id=$(sed -n "$pattern" submit.out | head -n 1)
if [ -n "$id" ]; then
  echo "$id" >jobid.new && mv jobid.new jobid && echo "submitted $id"
else
  cat submit.out submit.err
  [ $status -ne 0 ] || status=1
  exit $status
fi`;
