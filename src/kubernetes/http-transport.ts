import type { Dispatcher } from 'undici';
import type { Clock } from '../clock/index.ts';
import { reasonOf } from '../model/index.ts';
import { ApiError, isApiError } from './api-error.ts';
import type { ClusterAccess } from './kubeconfig.ts';
import { RequestGate, type RequestLimits, type RequestPriority } from './request-gate.ts';
import { statusError } from './status-error.ts';
import { TokenSource } from './token-source.ts';

const CONNECT_TIMEOUT_MILLISECONDS = 5_000;
/** Long enough for a server under load to begin its answer. */
const HEADERS_TIMEOUT_MILLISECONDS = 30_000;
/** Longest silence within the body of an answer, watches aside. */
const BODY_TIMEOUT_MILLISECONDS = 30_000;
/** Kept open between calls: a TLS handshake costs more than the call. kube-apiserver closes idle ones after 3 minutes. */
const KEEP_ALIVE_MILLISECONDS = 120_000;
/** Reads are tried this often while the server asks for patience. */
const READ_ATTEMPTS = 5;
const DEFAULT_RETRY_AFTER_SECONDS = 1;
const LONGEST_RETRY_AFTER_SECONDS = 30;

export interface HttpCall {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal | undefined;
  /** Default `normal`. */
  priority?: RequestPriority;
  /** Default 30,000 between two parts of the body. */
  bodyTimeoutMilliseconds?: number;
  /** Default 30,000 until the answer begins. */
  headersTimeoutMilliseconds?: number;
}

type Answer = Dispatcher.ResponseData;

/**
 * Calls to one API server over kept-alive connections. Anything but a good answer is an ApiError: the server's Status, or
 * ServiceUnavailable with `status` 0 when no answer came. Reads are repeated when the server asks to wait (429, or any
 * answer with Retry-After), and once when a kept connection turns out to be closed; writes never are.
 */
export class HttpTransport {
  /** Made at the first call: undici takes 100 ms to load. */
  #connections: Promise<Dispatcher> | undefined;
  readonly #gate: RequestGate;
  readonly #origin: string;
  readonly #access: ClusterAccess;
  readonly #basePath: string;
  readonly #clock: Clock;
  readonly #tokens: TokenSource | undefined;
  readonly #userAgent: string;
  readonly #onAnswer: ((method: string, code: number) => void) | undefined;
  #closed = false;

  constructor(
    access: ClusterAccess,
    parts: {
      clock: Clock;
      userAgent: string;
      limits?: RequestLimits;
      /** Told of every answer, with its HTTP status; 0: there was none. */
      onAnswer?: (method: string, code: number) => void;
    },
  ) {
    const url = serverUrl(access.server);
    this.#access = access;
    this.#basePath = url.pathname.replace(/\/+$/, '');
    this.#clock = parts.clock;
    this.#userAgent = parts.userAgent;
    this.#onAnswer = parts.onAnswer;
    this.#gate = new RequestGate(parts.clock, parts.limits);
    this.#tokens = access.tokenFile === undefined ? undefined : new TokenSource(access.tokenFile, parts.clock);
    this.#origin = url.origin;
  }

  /** The answer's JSON. */
  async json(call: HttpCall): Promise<unknown> {
    await this.#gate.enter(call.priority ?? 'normal', call.signal);
    try {
      const answer = await this.#patiently(call);
      try {
        return await answer.body.json();
      } catch (error) {
        throw this.#failure(call, error, 'broke off');
      }
    } finally {
      this.#gate.leave();
    }
  }

  /** The answer's body, to be read to the end or destroyed. Counts for no limit: it is under way for minutes. */
  async stream(call: HttpCall): Promise<AsyncIterable<Uint8Array> & { destroy(): unknown }> {
    return (await this.#patiently(call)).body;
  }

  /** Cuts what is under way and leaves no socket behind. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#gate.close();
    await (await this.#connections)?.destroy(new Error('the client was closed'));
  }

  async #connected(): Promise<Dispatcher> {
    const { Pool, ProxyAgent } = await import('undici');
    const { ca, clientCert, clientKey, insecureSkipTLSVerify, proxyUrl, tlsServerName } = this.#access;
    const options = {
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MILLISECONDS,
      headersTimeout: HEADERS_TIMEOUT_MILLISECONDS,
    };
    const tls = {
      timeout: CONNECT_TIMEOUT_MILLISECONDS,
      rejectUnauthorized: insecureSkipTLSVerify !== true,
      ...(ca === undefined ? {} : { ca }),
      ...(clientCert === undefined ? {} : { cert: clientCert }),
      ...(clientKey === undefined ? {} : { key: clientKey }),
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
    };
    if (proxyUrl === undefined) return new Pool(this.#origin, { ...options, connect: tls });
    return new ProxyAgent({ ...options, uri: proxyUrl, requestTls: tls });
  }

  async #patiently(call: HttpCall): Promise<Answer> {
    let reconnected = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(call);
      } catch (error) {
        if (call.method !== 'GET' || attempt >= READ_ATTEMPTS || call.signal?.aborted) throw error;
        const seconds = retryAfterSeconds(error);
        if (seconds !== undefined) {
          await this.#clock.sleep(seconds * 1_000, call.signal);
        } else if (!reconnected && isStaleConnection(error)) {
          reconnected = true;
        } else {
          throw error;
        }
      }
    }
  }

  async #once(call: HttpCall): Promise<Answer> {
    call.signal?.throwIfAborted();
    const headers = await this.#headers(call);
    if (this.#closed) throw this.#failure(call, new Error('the client was closed'), 'was not made');
    this.#connections ??= this.#connected();
    let answer: Answer;
    try {
      answer = await (await this.#connections).request({
        origin: this.#origin,
        method: call.method,
        path: this.#basePath + call.path + queryText(call.query),
        headers,
        body: call.body === undefined ? null : JSON.stringify(call.body),
        bodyTimeout: call.bodyTimeoutMilliseconds ?? BODY_TIMEOUT_MILLISECONDS,
        ...(call.headersTimeoutMilliseconds === undefined ? {} : { headersTimeout: call.headersTimeoutMilliseconds }),
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      });
    } catch (error) {
      this.#onAnswer?.(call.method, 0);
      throw this.#failure(call, error, 'got no answer');
    }
    this.#onAnswer?.(call.method, answer.statusCode);
    if (answer.statusCode < 300) return answer;
    throw await this.#refusal(call, answer);
  }

  async #refusal(call: HttpCall, answer: Answer): Promise<ApiError> {
    let body: unknown;
    try {
      const text = await answer.body.text();
      body = text.startsWith('{') ? JSON.parse(text) : text;
    } catch (error) {
      if (call.signal?.aborted) throw call.signal.reason;
      // A body that cannot be read says no more than the status does.
      body = undefined;
      if (!(error instanceof SyntaxError)) return this.#failure(call, error, 'broke off');
    }
    if (answer.statusCode === 401) {
      this.#tokens?.forget();
      this.#access.authorizationRefused?.();
    }
    const refusal = statusError(body, answer.statusCode, `${call.method} ${this.#access.server}${call.path}`);
    const retryAfter = Number(answer.headers['retry-after']);
    if (!Number.isFinite(retryAfter) || refusal.details?.retryAfterSeconds !== undefined) return refusal;
    return new ApiError(refusal.reason, refusal.message, {
      status: refusal.status,
      details: { ...refusal.details, retryAfterSeconds: retryAfter },
    });
  }

  async #headers({ body, contentType }: HttpCall): Promise<Record<string, string | string[]>> {
    const { token, username, password, authorize, impersonation } = this.#access;
    const headers: Record<string, string | string[]> = {
      ...impersonation,
      accept: 'application/json',
      'user-agent': this.#userAgent,
    };
    if (body !== undefined) headers['content-type'] = contentType ?? 'application/json';
    const bearer = this.#tokens === undefined ? token : await this.#tokens.token();
    if (bearer !== undefined) headers.authorization = `Bearer ${bearer}`;
    else if (username !== undefined) {
      headers.authorization = `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
    }
    return authorize === undefined ? headers : { ...headers, ...(await authorize()) };
  }

  /** What became of a call without an answer: the caller's own abort, or ServiceUnavailable. */
  #failure({ method, path, signal }: HttpCall, error: unknown, what: string): ApiError {
    if (signal?.aborted) throw signal.reason;
    return new ApiError('ServiceUnavailable', `${method} ${this.#access.server}${path} ${what}: ${reasonOf(error)}`, {
      status: 0,
      cause: error,
      nextStep: 'Check that the server runs and that the address in the kubeconfig is right.',
    });
  }
}

function serverUrl(server: string): URL {
  const url = URL.parse(server);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new ApiError('BadRequest', `server address ${JSON.stringify(server)} is not an http or https URL`);
  }
  return url;
}

function queryText(query: HttpCall['query']): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

function retryAfterSeconds(error: unknown): number | undefined {
  if (!(error instanceof ApiError) || error.status === 0) return undefined;
  const asked = error.details?.retryAfterSeconds;
  if (asked === undefined && error.status !== 429) return undefined;
  // A server that lags behind what a client has seen is for the reflector to judge.
  if (error.details?.causes?.some(({ reason }) => reason === 'ResourceVersionTooLarge')) return undefined;
  return Math.min(LONGEST_RETRY_AFTER_SECONDS, asked ?? DEFAULT_RETRY_AFTER_SECONDS);
}

/** The server closed a kept connection just as it was used again: nothing of the request was answered. */
function isStaleConnection(error: unknown): boolean {
  if (!isApiError(error, 'ServiceUnavailable') || error.status !== 0) return false;
  const code = (error.cause as { code?: string } | undefined)?.code;
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE';
}
