import { createHash } from 'node:crypto';
import { dirname } from 'node:path/posix';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../clock/index.ts';
import { FermataError } from '../../model/index.ts';
import { batchScript, directives } from '../batch-script.ts';
import type { BatchSite, JobCard, Submission } from '../batch-site.ts';
import { exitStatusOf } from '../exit-status.ts';
import type { KeptJob } from '../garbage.ts';
import type { JobReport, JobRequest } from '../job.ts';
import type { LogPosition, PollAnswer, Turn } from '../poll.ts';
import type { Site } from '../site.ts';
import { componentOptions, resourceOptions, SLURM } from '../slurm.ts';
import type { JobUsage } from '../usage.ts';
import { errorsOf, isJobUnknown, type RestAnswer, SlurmRestClient, type SlurmRestOptions } from './client.ts';
import { directiveWords, inVersion, restOptions } from './options.ts';
import { numberOf, type RestJob, type RestRecord, reportsOfJobs, reportsOfRecords, submittedId } from './reports.ts';

export interface SlurmRestSiteOptions extends SlurmRestOptions {
  /**
   * Folder for the connector's files there, absolute; made by the job itself where nobody else can. Default: as `files` has it,
   * which must be a way to the site itself then.
   */
  directory?: string;
  /** A way to that folder's files, by ssh or where it is mounted here. Without: no logs, no staging, no status files. */
  files?: Site;
  /** Where connectors of this user share what Slurm said: `files`, or a folder of this machine. */
  board: Site;
}

/**
 * Slurm through slurmrestd: jobs are submitted, followed, cancelled and accounted for without a shell there. The interface knows
 * nothing of files: output is read where the job's folder can be reached another way, and stays there where it cannot.
 */
export class SlurmRestSite implements BatchSite {
  readonly system = SLURM;
  readonly #options: SlurmRestSiteOptions;
  readonly #client: SlurmRestClient;
  #list: string | undefined;

  constructor(clock: Clock, options: SlurmRestSiteOptions) {
    this.#options = options;
    this.#client = new SlurmRestClient(clock, options);
  }

  get host(): string {
    return this.#client.url;
  }

  get withoutLogs(): string {
    if (this.#options.files !== undefined) return '';
    return "Slurm's REST interface gives no access to files: the output stays there (--host reads it by ssh, --mounted-at where its folder is mounted here)";
  }

  async folderOf(mark: string, signal?: AbortSignal): Promise<string> {
    const { directory, files } = this.#options;
    if (directory !== undefined) return `${directory}/${mark}`;
    if (files !== undefined) return await files.folderOf(mark, signal);
    throw new FermataError('InvalidJobRequest', "nobody says where the job's output goes there", {
      nextStep: "name a folder of the site's shared file system: --directory /home/USER/.fermata/hpc",
    });
  }

  async workFolderOf(mark: string, signal?: AbortSignal): Promise<string> {
    return `${await this.folderOf(mark, signal)}/work`;
  }

  /**
   * There is no lock at the site: the job is looked for by its unique name before the submit and after it, and of several the
   * oldest counts.
   */
  async submit(request: JobRequest, card: JobCard, signal?: AbortSignal): Promise<Submission | undefined> {
    const { files } = this.#options;
    if (request.checkpoint !== undefined) {
      throw new FermataError(
        'InvalidJobRequest',
        'over REST nobody can see whether the site lets its users checkpoint',
        {
          nextStep: 'leave --rest out and reach the login node by ssh, or leave --checkpoint out',
        },
      );
    }
    const before = await this.#find(card, signal);
    if (before !== undefined) return before.hasFailed ? undefined : { id: before.id, adopted: true };
    await files?.keepCard(card, undefined, signal);
    const answer = await this.#client.call('slurm', 'POST', '/job/submit', {
      body: await this.#bodyOf(request, card, signal),
      signal,
    });
    const submitted = numberOf(answer.job_id as number | undefined);
    if (submitted === undefined || submitted === 0) throw this.#refusal(answer);
    const oldest = (await this.#find(card, signal))?.id ?? String(submitted);
    if (oldest !== String(submitted)) await this.cancel([String(submitted)], signal);
    await files?.keepCard(card, oldest, signal);
    return { id: oldest, adopted: oldest !== String(submitted) };
  }

  /** Nothing is noted: what ended badly is not taken up again here. */
  conclude(): Promise<void> {
    return Promise.resolve();
  }

  async poll(
    id: string,
    mark: string,
    positions: ReadonlyMap<string, LogPosition>,
    signal?: AbortSignal,
  ): Promise<PollAnswer> {
    const { files, board } = this.#options;
    const list = await this.#listName();
    const look = await board.lookAtShared(list, id, files === undefined ? {} : { mark, positions }, signal);
    const { turn, ...answer } = look;
    if (turn === undefined) return answer;
    const said = await this.#ask(turn, signal);
    await board.share(list, turn, said, signal);
    if (typeof said === 'string') return { ...answer, listError: said };
    const { listError: _, ...rest } = answer;
    return { ...rest, jobs: said.filter((report) => report.id === id), isListKnown: true, listAgeSeconds: 0 };
  }

  async account(ids: readonly string[], signal?: AbortSignal): Promise<JobReport[]> {
    const reports = new Map<string, JobReport>();
    for (const id of ids) {
      const records = await this.#client.call('slurmdb', 'GET', `/job/${id}`, { signal });
      const jobs = await this.#client.call('slurm', 'GET', `/job/${id}`, { signal });
      const isAnswered = jobs.jobs !== undefined && (errorsOf(jobs) === undefined || isJobUnknown(jobs));
      // A site without accounting answers with an error: the controller's word is enough then, but one must answer.
      if (!isAnswered && records.jobs === undefined) throw this.#unreachable(jobs);
      const accounted = reportsOfRecords((records.jobs ?? []) as RestRecord[]);
      // The controller is the authority for what it still has.
      for (const report of [...accounted, ...reportsOfJobs((jobs.jobs ?? []) as RestJob[])]) {
        if (report.id === id) reports.set(`${id}_${report.task ?? ''}`, report);
      }
    }
    return [...reports.values()];
  }

  async list(signal?: AbortSignal): Promise<JobReport[]> {
    return reportsOfJobs(await this.#ownJobs(signal));
  }

  async cancel(ids: readonly string[], signal?: AbortSignal): Promise<void> {
    for (const id of ids) {
      const answer = await this.#client.call('slurm', 'DELETE', `/job/${id}`, { signal });
      const said = errorsOf(answer);
      if (said !== undefined && !isJobUnknown(answer) && !/already completing|already been terminated/i.test(said)) {
        throw new FermataError('SiteUnreachable', `${this.host}: job ${id} could not be cancelled: ${said}`);
      }
    }
  }

  async describe(id: string, signal?: AbortSignal): Promise<string> {
    const now = await this.#client.call('slurm', 'GET', `/job/${id}`, { signal });
    const jobs = now.jobs as unknown[] | undefined;
    if (jobs !== undefined && jobs.length > 0) return `${JSON.stringify(jobs, null, 2)}\n`;
    const then = await this.#client.call('slurmdb', 'GET', `/job/${id}`, { signal });
    return `${JSON.stringify(then.jobs ?? [], null, 2)}\n`;
  }

  /** The interface does not tell; the commands of the login node do. */
  async usage(running: readonly JobReport[], signal?: AbortSignal): Promise<JobUsage[]> {
    return (await this.#options.files?.usage(running, signal)) ?? [];
  }

  /** From the folder there where it can be read, else what the jobs' comments say: only of jobs that the controller still has. */
  async cards(signal?: AbortSignal): Promise<KeptJob[]> {
    const { files } = this.#options;
    if (files !== undefined) return await files.cards(signal);
    const jobs = await this.#ownJobs(signal);
    const cards = jobs.flatMap((job): [string, KeptJob][] => {
      // One that was submitted by sbatch has its mark alone there: its card is in its folder.
      if (job.comment?.startsWith(`${COMMENT}{`) !== true) return [];
      const card = JSON.parse(job.comment.slice(COMMENT.length)) as JobCard;
      const seconds = numberOf(job.end_time) || numberOf(job.submit_time) || 0;
      const id = submittedId(job);
      return [[id, { ...card, id, modified: seconds * 1000 }]];
    });
    return [...new Map(cards).values()];
  }

  async forget(mark: string, signal?: AbortSignal): Promise<void> {
    await this.#options.files?.forget(mark, signal);
  }

  isStaged(mark: string, signal?: AbortSignal): Promise<boolean> {
    return this.#files().isStaged(mark, signal);
  }

  receiveFiles(mark: string, archive: Readable, signal?: AbortSignal): Promise<void> {
    return this.#files().receiveFiles(mark, archive, signal);
  }

  acceptFiles(mark: string, signal?: AbortSignal): Promise<void> {
    return this.#files().acceptFiles(mark, signal);
  }

  sendFiles(mark: string, patterns: readonly string[], archive: Writable, signal?: AbortSignal): Promise<void> {
    return this.#files().sendFiles(mark, patterns, archive, signal);
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#options.files?.close();
  }

  async #bodyOf(request: JobRequest, card: JobCard, signal: AbortSignal | undefined): Promise<unknown> {
    const { files } = this.#options;
    const folder = await this.folderOf(card.mark, signal);
    const log = request.array === undefined ? '' : '.%a';
    // Without a way to its folder nobody makes that before Slurm opens the output: the job does both itself.
    const output =
      files === undefined
        ? { standard_output: '/dev/null', standard_error: '/dev/null' }
        : { standard_output: `${folder}/stdout${log}`, standard_error: `${folder}/stderr${log}` };
    const asked = {
      ...restOptions(directives(SLURM, request.script).flatMap(directiveWords)),
      ...restOptions(resourceOptions(request)),
    };
    const job = {
      current_working_directory: dirname(folder),
      ...asked,
      ...output,
      open_mode: 'append',
      name: card.jobName,
      comment: `${COMMENT}${JSON.stringify(card)}`,
      environment: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    };
    const script = batchScript(SLURM, request, folder, { isCarried: true, opensOutput: files === undefined });
    const version = await this.#client.version(signal);
    const components = (request.components ?? []).map((component) => ({
      ...output,
      current_working_directory: job.current_working_directory,
      name: job.name,
      environment: job.environment,
      ...restOptions(componentOptions(component)),
    }));
    if (components.length === 0) return { script, job: inVersion(job, version) };
    return { script, jobs: [job, ...components].map((one) => inVersion(one, version)) };
  }

  /** The oldest job of this name, of the controller or of accounting. */
  async #find(
    { jobName }: JobCard,
    signal: AbortSignal | undefined,
  ): Promise<{ id: string; hasFailed: boolean } | undefined> {
    const jobs = (await this.#ownJobs(signal)).filter(({ name }) => name === jobName);
    const records = await this.#client.call('slurmdb', 'GET', `/jobs?job_name=${encodeURIComponent(jobName)}`, {
      signal,
    });
    const accounted = ((records.jobs ?? []) as RestRecord[]).filter(({ name }) => name === jobName);
    const reports = [...reportsOfRecords(accounted), ...reportsOfJobs(jobs)];
    const id = Math.min(...reports.map((report) => Number(report.id)));
    if (!Number.isFinite(id)) return undefined;
    const own = [...new Map(reports.filter((one) => Number(one.id) === id).map((one) => [one.task, one])).values()];
    const isOver = own.every(({ phase }) => phase === 'Ended');
    const hasFailed = isOver && own.some(({ end }) => end === undefined || exitStatusOf(end) !== 0);
    return { id: String(id), hasFailed };
  }

  async #ownJobs(signal: AbortSignal | undefined): Promise<RestJob[]> {
    const user = await this.#client.user();
    const answer = await this.#client.jobs<RestJob>(({ user_name }) => user_name === user, signal);
    if (errorsOf(answer) !== undefined) throw this.#unreachable(answer);
    return answer.jobs;
  }

  /** One question for all jobs that are followed. Slurm gives one job, or all of the site: one alone is not asked for that way. */
  async #ask({ ids }: Turn, signal: AbortSignal | undefined): Promise<JobReport[] | string> {
    try {
      const [id, ...others] = ids;
      if (id === undefined || others.length > 0) return reportsOfJobs(await this.#ownJobs(signal));
      const answer = await this.#client.call('slurm', 'GET', `/job/${id}`, { signal });
      const said = errorsOf(answer);
      return said === undefined || isJobUnknown(answer) ? reportsOfJobs((answer.jobs ?? []) as RestJob[]) : said;
    } catch (error) {
      // A token that is not accepted is this connector's alone.
      if (error instanceof FermataError && error.code === 'SiteUnreachable') return error.message;
      throw error;
    }
  }

  /** Of this account at this cluster: a folder may hold lists of several. */
  async #listName(): Promise<string> {
    if (this.#list === undefined) {
      const account = `${await this.#client.user()}@${this.host}`;
      this.#list = `rest-${createHash('sha256').update(account).digest('hex').slice(0, 8)}`;
    }
    return this.#list;
  }

  #files(): Site {
    const { files } = this.#options;
    if (files !== undefined) return files;
    throw new FermataError('StagingFailed', "files cannot be staged over Slurm's REST interface", {
      nextStep: 'name a login node too (--host), or where the folder of --directory is mounted here (--mounted-at)',
    });
  }

  #refusal(answer: RestAnswer): FermataError {
    const said = errorsOf(answer) ?? 'no job id, and no reason';
    if (SLURM.temporary.test(said)) {
      return new FermataError('SiteUnreachable', `${this.host}: Slurm does not take the job now: ${said}`);
    }
    return new FermataError('SubmitRefused', `${this.host} refused the job: ${said}`);
  }

  #unreachable(answer: RestAnswer): FermataError {
    return new FermataError(
      'SiteUnreachable',
      `${this.host}: Slurm does not answer: ${errorsOf(answer) ?? 'no jobs'}`,
      {
        nextStep: 'a token of another cluster, or one that was taken back, is answered the same way',
      },
    );
  }
}

/** What a job's comment begins with; the card follows. */
const COMMENT = 'fermata:';
