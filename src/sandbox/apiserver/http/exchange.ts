import type { IncomingMessage, ServerResponse } from 'node:http';
import { contentTypeOf, parseBody, readBody } from './body.ts';
import { jsonOf } from './json-text.ts';
import { type Status, statusOf } from './status.ts';

/** One request and its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly pathname: string;
  readonly query: URLSearchParams;
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
  #warnings = 0;

  constructor(request: IncomingMessage, response: ServerResponse, signal: AbortSignal) {
    this.request = request;
    this.response = response;
    this.signal = signal;
    this.method = request.method ?? 'GET';
    const [pathname = '/', query = ''] = splitOnce(request.url ?? '/', '?');
    this.pathname = pathname;
    this.query = new URLSearchParams(query);
  }

  get accept(): string | undefined {
    return this.request.headers.accept;
  }

  get contentType(): string {
    return contentTypeOf(this.request);
  }

  async readText(): Promise<string> {
    return (await readBody(this.request)).toString('utf8');
  }

  /** What the body says, whatever its type; undefined when it is empty. */
  async readValue(): Promise<unknown> {
    const body = await readBody(this.request);
    return body.length === 0 ? undefined : parseBody(body, this.contentType);
  }

  /** Adds a `Warning:` header (RFC 7234, code 299), which kubectl prints to its standard error. */
  warn(message: string): void {
    if (this.#warnings++ >= MAXIMUM_WARNINGS) return;
    const text = message.replace(/[^\x20-\x7e]+/g, ' ').replace(/["\\]/g, '\\$&');
    this.response.appendHeader('Warning', `299 - "${text.slice(0, MAXIMUM_WARNING_LENGTH)}"`);
  }

  json(code: number, value: object, contentType = 'application/json'): void {
    this.text(code, jsonOf(value), contentType);
  }

  text(code: number, text: string | Buffer, contentType = 'text/plain; charset=utf-8'): void {
    if (this.response.headersSent || this.response.destroyed) return;
    this.response.writeHead(code, {
      'Content-Type': contentType,
      'Content-Length': Buffer.byteLength(text),
      'Cache-Control': 'no-cache, private',
    });
    this.response.end(text);
  }

  /** Answers with what went wrong; when the answer has begun already, only cuts it short. */
  fail(error: unknown): Status {
    const status = statusOf(error);
    if (this.response.headersSent) {
      this.response.destroy();
      return status;
    }
    const { retryAfterSeconds } = (status.details ?? {}) as { retryAfterSeconds?: number };
    if (retryAfterSeconds !== undefined) this.response.setHeader('Retry-After', String(retryAfterSeconds));
    // What is left of an oversized or unread body must not be taken for the next request.
    if (!this.request.complete) this.response.setHeader('Connection', 'close');
    this.json(status.code, status);
    return status;
  }
}

const MAXIMUM_WARNINGS = 20;
const MAXIMUM_WARNING_LENGTH = 1_024;

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
