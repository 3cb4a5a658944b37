import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Fault =
  | { status: number; body?: string }
  /** The connection is cut once this many bytes of the request's body have gone on, or of the answer's body. */
  | { cutRequestAfter: number }
  | { cutResponseAfter: number }
  /** The request arrives and is carried out, its answer never comes. */
  | 'answer lost'
  /** This long between any two pieces of the answer. */
  | { slowMilliseconds: number };

export interface Seen {
  method: string;
  /** With the query. */
  url: string;
  headers: IncomingMessage['headers'];
}

/** Between a client and an HTTP server on loopback: does to each request what `plan` says, or passes it on. */
export class FaultProxy {
  /** Every request, in its order. */
  readonly seen: Seen[] = [];
  plan: (request: Seen) => Fault | undefined = () => undefined;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: false });
  readonly #upstream: number;

  constructor(upstreamPort: number) {
    this.#upstream = upstreamPort;
    this.#server = createServer((incoming, outgoing) => this.#serve(incoming, outgoing));
  }

  async start(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await once(this.#server, 'close');
  }

  #serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = 'GET', url = '/', headers } = incoming;
    const seen = { method, url, headers };
    this.seen.push(seen);
    const fault = this.plan(seen);
    if (typeof fault === 'object' && 'status' in fault) {
      incoming.resume().on('end', () => outgoing.writeHead(fault.status).end(fault.body ?? ''));
      return;
    }
    const options = { host: '127.0.0.1', port: this.#upstream, method, path: url, headers, agent: this.#agent };
    const onward = request(options, (answer) => {
      if (fault === 'answer lost') {
        answer.resume().on('end', () => incoming.socket.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      void pass(answer, outgoing, fault).catch(() => incoming.socket.destroy());
    });
    onward.on('error', () => incoming.socket.destroy());
    incoming.on('error', () => onward.destroy());
    let sent = 0;
    incoming.on('data', (piece: Buffer) => {
      sent += piece.length;
      if (typeof fault === 'object' && 'cutRequestAfter' in fault && sent > fault.cutRequestAfter) {
        onward.destroy();
        incoming.socket.destroy();
      } else if (!onward.write(piece)) {
        incoming.pause();
        onward.once('drain', () => incoming.resume());
      }
    });
    incoming.on('end', () => onward.end());
  }
}

async function pass(answer: IncomingMessage, outgoing: ServerResponse, fault: Fault | undefined): Promise<void> {
  let sent = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    if (typeof fault === 'object' && 'cutResponseAfter' in fault && sent + piece.length > fault.cutResponseAfter) {
      outgoing.write(piece.subarray(0, fault.cutResponseAfter - sent), () => outgoing.destroy());
      return;
    }
    if (typeof fault === 'object' && 'slowMilliseconds' in fault) {
      await new Promise((resolve) => setTimeout(resolve, fault.slowMilliseconds));
    }
    sent += piece.length;
    if (!outgoing.write(piece)) await once(outgoing, 'drain');
  }
  outgoing.end();
}
