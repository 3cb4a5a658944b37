import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { Clock } from '../../clock/index.ts';
import { FermataError, type Log, reasonOf } from '../../model/index.ts';
import { ApiError } from '../api-error.ts';
import { type AdmissionAnswer, type AdmissionRequest, parseAdmissionReview, reviewAnswer } from './admission-review.ts';

/** Throwing means that nothing is known: the API server then does what the webhook's failurePolicy says. */
export type AdmissionHandler = (request: AdmissionRequest, signal: AbortSignal) => Promise<AdmissionAnswer>;

export interface AdmissionServerOptions {
  /** Default: all. */
  host?: string;
  /** 0: any free one; see {@link AdmissionServer.port}. */
  port: number;
  /** By path. */
  handlers: Readonly<Record<string, AdmissionHandler>>;
  onAnswer?: (path: string, outcome: 'allowed' | 'refused' | 'failed', milliseconds: number) => void;
}

/** An object of the API server has at most 3 MiB, and a review may hold the old one too. */
const MAX_BODY_BYTES = 8 * 2 ** 20;
/** What an answer under way gets to finish once the server stops. */
const STOP_GRACE_MILLISECONDS = 5_000;

/** Answers `admission.k8s.io/v1` reviews over TLS. It listens once it has a certificate. */
export class AdmissionServer {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #options: AdmissionServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #stopping = new AbortController();
  #server: Server | undefined;

  constructor(parts: { clock: Clock; log: Log }, options: AdmissionServerOptions) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#options = options;
  }

  get isListening(): boolean {
    return this.#server?.listening === true;
  }

  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : this.#options.port;
  }

  /** Serves with this certificate (PEM) from now on; connections that stand keep theirs. Throws FermataError `AddressInUse`. */
  async serveWith({ certificate: cert, key }: { certificate: string; key: string }): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    if (this.#server !== undefined) {
      this.#server.setSecureContext({ cert, key });
      return;
    }
    const server = createServer({ cert, key, minVersion: 'TLSv1.2' }, (request, response) => {
      void this.#handle(request, response);
    });
    server.on('secureConnection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('tlsClientError', (error, socket) => {
      this.#log.debug({ reason: reasonOf(error) }, 'connection refused');
      socket.destroy();
    });
    const { host, port } = this.#options;
    const failed = once(server, 'error').then(([error]) => {
      throw new FermataError('AddressInUse', `the webhook cannot listen on port ${port}: ${reasonOf(error)}`, {
        cause: error,
        nextStep: 'name another with --port',
      });
    });
    server.listen({ port, ...(host !== undefined && { host }) });
    await Promise.race([once(server, 'listening'), failed]);
    failed.catch((error: unknown) => this.#log.error({ reason: reasonOf(error) }, 'webhook socket'));
    this.#server = server;
    this.#log.info({ port: this.port }, 'the webhook listens');
  }

  /** Lets answers under way finish (at most 5 s). */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) {
      this.#stopping.abort(new Error('the webhook stops'));
      return;
    }
    const closed = once(server, 'close');
    server.close();
    server.closeIdleConnections();
    const force = this.#clock.setTimer(STOP_GRACE_MILLISECONDS, () => {
      this.#stopping.abort(new Error('the webhook stops'));
      for (const socket of this.#sockets) socket.destroy();
    });
    await closed;
    force.cancel();
    this.#stopping.abort(new Error('the webhook stops'));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const startedAt = this.#clock.monotonic();
    const handler = Object.hasOwn(this.#options.handlers, path) ? this.#options.handlers[path] : undefined;
    // After its answer a connection of a server that stops is not used again.
    if (this.#server?.listening !== true) response.setHeader('connection', 'close');
    if (handler === undefined || request.method !== 'POST') {
      request.resume();
      return respond(response, 404, { message: `POST to ${Object.keys(this.#options.handlers).join(', ')}` });
    }
    const done = (outcome: 'allowed' | 'refused' | 'failed'): void =>
      this.#options.onAnswer?.(path, outcome, this.#clock.monotonic() - startedAt);
    try {
      const review = parseAdmissionReview(await bodyOf(request));
      const gone = new AbortController();
      response.once('close', () => gone.abort(new Error('the API server waits no more')));
      const answer = await handler(review, AbortSignal.any([gone.signal, this.#stopping.signal]));
      respond(response, 200, reviewAnswer(review.uid, answer));
      done(answer.allowed ? 'allowed' : 'refused');
    } catch (error) {
      const code = error instanceof ApiError && error.reason === 'BadRequest' ? 400 : 500;
      this.#log.warn({ path, code, reason: reasonOf(error) }, 'an admission review could not be answered');
      respond(response, code, { message: reasonOf(error) });
      done('failed');
    }
  }
}

function respond(response: ServerResponse, code: number, body: object): void {
  if (response.destroyed) return;
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BODY_BYTES) throw new ApiError('BadRequest', `the body has more than ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
