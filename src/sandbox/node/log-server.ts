import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../clock/index.ts';
import { FermataError, type Log, reasonOf } from '../../model/index.ts';
import type { LogOptions } from '../../runtime/index.ts';
import type { SandboxNode } from './sandbox-node.ts';

const FIRST_BYTES_MILLISECONDS = 200;

/**
 * Serves the logs of all local nodes over one Unix socket, with the kubelet's path and query:
 * `GET /containerLogs/{namespace}/{pod}/{container}?follow&tailLines&previous&sinceSeconds&sinceTime&timestamps&limitBytes`.
 * The socket is its owner's alone (0600); there is no other authentication.
 */
export class LogServer {
  readonly #nodes: ReadonlyMap<string, Pick<SandboxNode, 'hasPod' | 'logs'>>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #socketPath: string;
  readonly #stopping = new AbortController();
  readonly #server: Server;

  constructor(
    parts: { nodes: ReadonlyMap<string, Pick<SandboxNode, 'hasPod' | 'logs'>>; clock: Clock; log: Log },
    options: { socketPath: string },
  ) {
    this.#nodes = parts.nodes;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#socketPath = options.socketPath;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        this.#log.warn({ url: request.url, reason: reasonOf(error) }, 'a log request failed');
        response.destroy();
      });
    });
  }

  async start(): Promise<void> {
    // A killed process leaves its socket behind; nobody else listens on it.
    rmSync(this.#socketPath, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#socketPath, () => {
        this.#server.removeListener('error', reject);
        chmodSync(this.#socketPath, 0o600);
        resolve();
      });
    });
  }

  /** Cuts the streams that are open, and resolves when nothing listens any more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the log server stops'));
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://nodes');
    const [root, namespace, pod, container, ...rest] = url.pathname.split('/').slice(1).map(decodeURIComponent);
    if (root !== 'containerLogs' || namespace === undefined || pod === undefined || !container || rest.length > 0) {
      return refuse(response, 404, 'the nodes serve /containerLogs/{namespace}/{pod}/{container}');
    }
    if (request.method !== 'GET') return refuse(response, 405, 'only GET');
    const node = [...this.#nodes.values()].find((one) => one.hasPod(namespace, pod));
    if (node === undefined) return refuse(response, 404, `pod "${pod}" in namespace "${namespace}" is on no node`);
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('the reader went away')));
    const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
    try {
      const options = { ...readOptions(url.searchParams, this.#clock.now()), signal };
      const stream = node.logs(namespace, pod, container, options)[Symbol.asyncIterator]();
      // What goes wrong goes wrong at once: until then no success is promised. A silent container must not hold up the
      // head for longer, or the reader gives up waiting for it.
      const first = stream.next();
      await Promise.race([first, this.#clock.sleep(FIRST_BYTES_MILLISECONDS, signal)]);
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
      response.flushHeaders();
      let next = await first;
      for (; !next.done; next = await stream.next()) {
        if (!response.write(next.value)) await drained(response, signal);
      }
      response.end();
    } catch (error) {
      if (signal.aborted) {
        response.destroy();
      } else if (response.headersSent) {
        this.#log.warn({ namespace, pod, container, reason: reasonOf(error) }, 'a log stream broke off');
        response.destroy();
      } else {
        refuse(response, statusOf(error), reasonOf(error));
      }
    }
  }
}

function statusOf(error: unknown): number {
  if (!(error instanceof FermataError)) return 500;
  return error.code.endsWith('NotFound') ? 404 : error.code === 'LogQueryInvalid' ? 400 : 500;
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${message}\n`);
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    response.once('drain', () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}

/** Throws `LogQueryInvalid`. */
export function readOptions(query: URLSearchParams, now: number): LogOptions {
  const options: LogOptions = {};
  if (isTrue(query, 'follow')) options.follow = true;
  if (isTrue(query, 'previous')) options.previous = true;
  if (isTrue(query, 'timestamps')) options.timestamps = true;
  const tailLines = count(query, 'tailLines');
  if (tailLines !== undefined) options.tailLines = tailLines;
  const limitBytes = count(query, 'limitBytes');
  if (limitBytes !== undefined) options.limitBytes = limitBytes;
  const sinceSeconds = count(query, 'sinceSeconds');
  if (sinceSeconds !== undefined) options.since = now - sinceSeconds * 1000;
  const sinceTime = query.get('sinceTime');
  if (sinceTime !== null) {
    const time = Date.parse(sinceTime);
    if (Number.isNaN(time)) throw invalid('sinceTime', sinceTime, 'an RFC 3339 time');
    options.since = time;
  }
  return options;
}

function isTrue(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== 'false' && value !== '0';
}

function count(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (!/^[0-9]{1,15}$/.test(value)) throw invalid(name, value, 'a whole number');
  return Number(value);
}

function invalid(name: string, value: string, wanted: string): FermataError {
  return new FermataError('LogQueryInvalid', `${name}=${JSON.stringify(value)} is not ${wanted}`);
}
