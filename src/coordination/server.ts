import { createServer, isIP, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { FermataError, reasonOf } from '../model/index.ts';
import { Connection, type ConnectionParts } from './connection.ts';
import { KEEP_ALIVE_MILLISECONDS, MAX_CONNECTIONS } from './defaults.ts';
import { metricsText } from './metrics.ts';

export interface CoordinationServerOptions {
  /** A host name or address. */
  address: string;
  /** 0: any free one; see {@link CoordinationServer.port}. */
  port: number;
  /** PEM texts. With `ca` clients need a certificate of it. */
  tls?: { cert: string; key: string; ca?: string };
  /** Whether requests need tokens; without them and TLS only this machine may connect. */
  hasTokens?: boolean;
  /** Listens beyond loopback although nothing keeps strangers out. */
  insecure?: boolean;
}

/** The coordinator on TCP: criu-coordinator's wire, and `GET /metrics`, `/status`, `/healthz`, `/readyz`
 * for people, Prometheus and kubelets. */
export class CoordinationServer {
  readonly #parts: Omit<ConnectionParts, 'http'>;
  readonly #options: CoordinationServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(parts: Omit<ConnectionParts, 'http'>, options: CoordinationServerOptions) {
    this.#parts = parts;
    this.#options = options;
    const { tls } = options;
    const accept = (socket: Socket): void => this.#accept(socket);
    const manners = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MILLISECONDS };
    this.#server =
      tls === undefined
        ? createServer(manners, accept)
        : createTlsServer(
            {
              ...{ ...manners, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.3' },
              ...(tls.ca !== undefined && { ca: tls.ca, requestCert: true, rejectUnauthorized: true }),
            },
            accept,
          );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('tlsClientError', (error) =>
      this.#parts.log.debug({ reason: reasonOf(error) }, 'connection refused'),
    );
  }

  /** Resolves when it listens. Throws FermataError `CoordinatorExposed`, `AddressInUse`. */
  async start(): Promise<void> {
    const { address, port, tls, hasTokens = false, insecure = false } = this.#options;
    const isProtected = tls?.ca !== undefined || (tls !== undefined && hasTokens);
    if (!isLoopback(address) && !isProtected && !insecure) {
      throw new FermataError('CoordinatorExposed', `the coordinator is to listen on ${address} without protection`, {
        nextStep:
          'give it --tls-cert, --tls-key and --tls-ca (or --token-secret-file), or listen on 127.0.0.1; --insecure listens all the same',
      });
    }
    await new Promise<void>((resolve, reject) => {
      const refused = (error: Error): void => {
        reject(
          new FermataError('AddressInUse', `the coordinator cannot listen on ${address}:${port}: ${error.message}`, {
            cause: error,
            nextStep: 'name another with --address and --port',
          }),
        );
      };
      this.#server.once('error', refused);
      this.#server.listen({ host: address, port }, () => {
        this.#server.removeListener('error', refused);
        this.#server.on('error', (error) => this.#parts.log.warn({ reason: error.message }, 'coordinator socket'));
        resolve();
      });
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#options.port;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#parts.coordinator.stop();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    new Connection(socket, { ...this.#parts, http: (head) => this.#http(head) });
  }

  #http(request: string): string {
    const path = /^GET (\S+)/.exec(request)?.[1];
    const status = this.#parts.coordinator.status();
    if (path === '/healthz' || path === '/readyz') return httpReply('200 OK', 'text/plain', 'ok\n');
    if (path === '/metrics') return httpReply('200 OK', 'text/plain; version=0.0.4', metricsText(status));
    // What it says of members is for those who may connect as members.
    if (path === '/status' && this.#options.hasTokens !== true) {
      return httpReply('200 OK', 'application/json', `${JSON.stringify(status)}\n`);
    }
    return httpReply('404 Not Found', 'text/plain', 'see /metrics, /status, /healthz and /readyz\n');
  }
}

function httpReply(status: string, type: string, body: string): string {
  const head = `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}`;
  return `${head}\r\nConnection: close\r\n\r\n${body}`;
}

function isLoopback(address: string): boolean {
  if (address === 'localhost' || address === '::1') return true;
  return isIP(address) === 4 && address.startsWith('127.');
}
