import { Agent, type Dispatcher } from 'undici';
import { FermataError, reasonOf } from '../../model/index.ts';

/** Oldest API the calls are written for; Podman 4 and 5 both serve it. */
const API_PREFIX = '/v4.0.0/libpod';

/** Podman refused a request. */
export class PodmanError extends FermataError {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;

  constructor(status: number, message: string, cause?: unknown) {
    super(status === 0 ? 'PodmanUnreachable' : 'PodmanRefused', message, {
      ...(cause !== undefined && { cause }),
      ...(status === 0 && { nextStep: 'Look at the log of the Podman service; the supervisor starts it again.' }),
    });
    this.status = status;
  }
}

export interface RequestOptions {
  query?: Readonly<Record<string, string | number | boolean>>;
  body?: unknown;
  signal?: AbortSignal;
}

/** Podman's REST API over its Unix socket. One call costs about 8 ms, the command line about 60. */
export class PodmanClient {
  readonly #agent: Agent;
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
    // No time-outs of its own: stopping and restoring take as long as they take, and callers hold signals.
    this.#agent = new Agent({ connect: { socketPath: socket }, headersTimeout: 0, bodyTimeout: 0, connections: 32 });
  }

  /** JSON of the answer, undefined when it is empty. Throws PodmanError. */
  async call<T>(method: Dispatcher.HttpMethod, path: string, options: RequestOptions = {}): Promise<T> {
    const raw = options.body instanceof Uint8Array;
    const body = options.body === undefined ? null : raw ? (options.body as Uint8Array) : JSON.stringify(options.body);
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(options.query ?? {})) query.set(name, String(value));
    const suffix = query.size === 0 ? '' : `?${query}`;
    let status: number;
    let text: string;
    try {
      const response = await this.#agent.request({
        origin: 'http://podman',
        method,
        path: `${API_PREFIX}${path}${suffix}`,
        body,
        ...(body !== null && { headers: { 'content-type': raw ? 'application/x-tar' : 'application/json' } }),
        ...(options.signal && { signal: options.signal }),
      });
      status = response.statusCode;
      text = await response.body.text();
    } catch (error) {
      if (options.signal?.aborted) throw options.signal.reason;
      throw new PodmanError(0, `Podman does not answer on ${this.#socket}: ${reasonOf(error)}`, error);
    }
    // 304: already in the wanted state, as after starting a started container.
    if (status >= 400) throw new PodmanError(status, refusalOf(text, status));
    return (text === '' ? undefined : parseAnswer(text)) as T;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

function refusalOf(text: string, status: number): string {
  const answer = parseAnswer(text);
  if (answer !== null && typeof answer === 'object' && 'message' in answer) return String(answer.message);
  return text.trim() === '' ? `Podman answered ${status}` : text.trim();
}

/** Some answers (image pulls) are several JSON documents in a row: then the text itself. */
function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
