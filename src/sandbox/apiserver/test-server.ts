import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock, seededRandom } from '../../clock/index.ts';
import type { Log } from '../../model/index.ts';
import { SandboxApiServer } from './sandbox-api-server.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body as JSON; its shape is for the test to claim. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read into whatever the server sent
  body: any;
}

export interface Call {
  body?: string | object;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A server on a directory of its own, with a client that holds the token. For tests. */
export class TestServer {
  readonly directory: string;
  readonly url: string;
  readonly kubeconfigPath: string;
  readonly authority: string;
  readonly token: string;
  readonly server: SandboxApiServer;
  /** Messages logged at warning or error level. */
  readonly complaints: string[];
  readonly #agent: Agent;

  private constructor(directory: string, server: SandboxApiServer, access: Access, complaints: string[]) {
    this.directory = directory;
    this.server = server;
    this.url = access.url;
    this.kubeconfigPath = access.kubeconfigPath;
    this.authority = access.authority;
    this.token = access.token;
    this.complaints = complaints;
    this.#agent = new Agent({ ca: access.authority, keepAlive: true });
  }

  static async start(directory?: string): Promise<TestServer> {
    const folder = directory ?? (await mkdtemp(join(tmpdir(), 'fermata-apiserver-')));
    const complaints: string[] = [];
    const note = (fields: Record<string, unknown>, message: string): void => {
      complaints.push(`${message} ${String(fields.error ?? '')}`);
    };
    const log: Log = { debug() {}, info() {}, warn: note, error: note };
    const server = new SandboxApiServer(
      { clock: new SystemClock(), random: seededRandom(1), log },
      { directory: folder, nodeSocket: join(folder, 'nodes.sock') },
    );
    const access = await server.start();
    const kubeconfig = JSON.parse(await readFile(access.kubeconfigPath, 'utf8'));
    const authority = Buffer.from(kubeconfig.clusters[0].cluster['certificate-authority-data'], 'base64').toString();
    return new TestServer(folder, server, { ...access, authority, token: kubeconfig.users[0].user.token }, complaints);
  }

  /** Begins a request and gives the answer's stream, e.g. of a watch. */
  async open(method: string, path: string, call: Call = {}): Promise<IncomingMessage> {
    const body = typeof call.body === 'object' ? JSON.stringify(call.body) : call.body;
    const headers = { authorization: `Bearer ${this.token}`, ...call.headers };
    const options: RequestOptions & { agent: Agent } = { method, headers, agent: this.#agent };
    if (call.signal !== undefined) options.signal = call.signal;
    return new Promise((resolve, reject) => {
      const request = httpsRequest(this.url + path, options, resolve);
      request.once('error', reject);
      if (body !== undefined) request.setHeader('Content-Length', Buffer.byteLength(body));
      request.end(body);
    });
  }

  async call(method: string, path: string, call: Call = {}): Promise<Answer> {
    const answer = await this.open(method, path, call);
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    const isJson = (answer.headers['content-type'] ?? '').startsWith('application/json');
    return {
      status: answer.statusCode ?? 0,
      headers: answer.headers,
      text,
      body: isJson && text !== '' ? JSON.parse(text) : undefined,
    };
  }

  async stop(): Promise<void> {
    await this.server.stop();
    this.#agent.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

interface Access {
  url: string;
  kubeconfigPath: string;
  authority: string;
  token: string;
}

/** Reads a watch line by line. */
export async function* linesOf(
  stream: IncomingMessage,
): AsyncGenerator<{ type: string; object: Record<string, never> }> {
  let rest = '';
  for await (const chunk of stream) {
    rest += String(chunk);
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line);
  }
}
