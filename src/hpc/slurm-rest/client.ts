import { Agent, type Dispatcher, request } from 'undici';
import type { Clock } from '../../clock/index.ts';
import { FermataError, reasonOf } from '../../model/index.ts';
import { JobSplitter } from './job-splitter.ts';
import { tokenHeaders } from './token.ts';

export interface SlurmRestOptions {
  /** `http://host:6820` or `https://…`, without a path. */
  url: string;
  /** The JSON web token, asked for before each request: it may be renewed under a running job. */
  token(): Promise<string>;
  /** The account there; default: the one that the token names. */
  user?: string;
}

/** What every answer of slurmrestd may hold. */
export interface RestAnswer {
  errors?: { error_number?: number; error_code?: number; error?: string; description?: string }[];
  [field: string]: unknown;
}

const TIMEOUT_MILLISECONDS = 60_000;
/** Versions whose words are known here. 38 (Slurm 22.05) was tried, the others follow their documentation. */
const KNOWN_VERSIONS = { first: 38, last: 43 };
/** ESLURM_INVALID_JOB_ID: it has never been, or the controller has let it go. */
export const INVALID_JOB_ID = 2017;

/** Calls to one slurmrestd. */
export class SlurmRestClient {
  readonly #clock: Clock;
  readonly #options: SlurmRestOptions;
  readonly #agent = new Agent({ connect: { timeout: 15_000 } });
  #version: number | undefined;

  constructor(clock: Clock, options: SlurmRestOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  /** The account that the token is for. */
  async user(): Promise<string> {
    const { token, user } = this.#options;
    return tokenHeaders(await token(), user, this.#clock.now())['x-slurm-user-name'] ?? '';
  }

  /** The newest version of the interface that both sides know: 38 for `v0.0.38`. */
  async version(signal?: AbortSignal): Promise<number> {
    if (this.#version === undefined) {
      const { paths = {} } = (await this.#send('GET', '/openapi/v3', undefined, signal)) as { paths?: object };
      const served = Object.keys(paths).map((path) =>
        Number(/^\/slurm\/v0\.0\.(\d+)\/job\/submit$/.exec(path)?.[1] ?? 0),
      );
      const known = served.filter((one) => one >= KNOWN_VERSIONS.first && one <= KNOWN_VERSIONS.last);
      if (known.length === 0) {
        throw new FermataError('SiteRefused', `${this.url} serves no version of Slurm's interface that is known here`, {
          nextStep: `v0.0.${KNOWN_VERSIONS.first} to v0.0.${KNOWN_VERSIONS.last} are: Slurm 22.05 and newer`,
        });
      }
      this.#version = Math.max(...known);
    }
    return this.#version;
  }

  /**
   * A call of the controller (`slurm`) or of accounting (`slurmdb`). Errors within the answer are the caller's to judge.
   *
   * @param path below the version: `/jobs`
   * @throws FermataError `SiteUnreachable` when nobody can say whether it was done; `SiteRefused` when the token is not accepted
   */
  async call(
    part: 'slurm' | 'slurmdb',
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { body, signal }: { body?: unknown; signal?: AbortSignal | undefined } = {},
  ): Promise<RestAnswer> {
    return await this.#send(method, `/${part}/v0.0.${await this.version(signal)}${path}`, body, signal);
  }

  /** Of all jobs that the controller has, which may be more than memory holds, those that `isWanted`. */
  async jobs<T>(isWanted: (job: T) => boolean, signal?: AbortSignal): Promise<RestAnswer & { jobs: T[] }> {
    const wanted: T[] = [];
    const splitter = new JobSplitter<T>((job) => {
      if (isWanted(job)) wanted.push(job);
    });
    const path = `/slurm/v0.0.${await this.version(signal)}/jobs`;
    const answer = await this.#send('GET', path, undefined, signal, async (body) => {
      for await (const chunk of body) splitter.push(chunk as Buffer);
      return () => splitter.end();
    });
    return { ...answer, jobs: wanted };
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #send(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body: unknown,
    signal: AbortSignal | undefined,
    read: (body: Body) => Promise<() => unknown> = readWhole,
  ): Promise<RestAnswer> {
    const { token, user } = this.#options;
    const headers = tokenHeaders(await token(), user, this.#clock.now());
    let status: number;
    let text = '';
    let parse: () => unknown = () => JSON.parse(text);
    try {
      const answer = await request(new URL(path, this.url), {
        method,
        dispatcher: this.#agent,
        headersTimeout: TIMEOUT_MILLISECONDS,
        bodyTimeout: TIMEOUT_MILLISECONDS,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
      status = answer.statusCode;
      if (status === 200) parse = await read(answer.body);
      else text = await answer.body.text();
    } catch (error) {
      signal?.throwIfAborted();
      throw new FermataError('SiteUnreachable', `${this.url} cannot be reached: ${reasonOf(error)}`, { cause: error });
    }
    if (status === 401 || status === 403) {
      throw new FermataError('SiteRefused', `${this.url} does not accept the token: ${text.trim()}`, {
        nextStep: 'see that it is for this cluster, and for the user whom --rest-user names',
      });
    }
    try {
      return parse() as RestAnswer;
    } catch (cause) {
      throw new FermataError(
        'SiteUnreachable',
        `${this.url} answers ${status} to ${method} ${path}: ${text.slice(0, 200) || reasonOf(cause)}`,
        {
          cause,
        },
      );
    }
  }
}

type Body = Dispatcher.ResponseData['body'];

async function readWhole(body: Body): Promise<() => unknown> {
  const text = await body.text();
  return () => JSON.parse(text);
}

/** The errors of an answer in one line; undefined when there are none. */
export function errorsOf(answer: RestAnswer): string | undefined {
  const said = (answer.errors ?? []).map(({ error, description }) =>
    [...new Set([description, error].filter((text) => text !== undefined && text !== 'Unspecified error'))].join(': '),
  );
  return said.length === 0 ? undefined : said.join('; ');
}

/** Does the answer say only that there is no such job? */
export function isJobUnknown(answer: RestAnswer): boolean {
  const errors = answer.errors ?? [];
  return errors.length > 0 && errors.every(({ error_number }) => error_number === INVALID_JOB_ID);
}
