import { createServer, type Server, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { FermataError, type Log } from '../model/index.ts';
import { KEEP_ALIVE_MILLISECONDS } from './defaults.ts';

export interface RelayOptions {
  /** Loopback only: what comes in here is not encrypted. */
  port: number;
  server: { address: string; port: number };
  /** PEM texts: the server's authority, and our certificate. */
  tls: { ca: string; cert?: string; key?: string };
}

/**
 * Stands on each machine between its hooks and a coordinator elsewhere: a hook has no time for a TLS handshake of its own program,
 * and bash speaks none. Connection by connection; the end of either side ends the other, so the coordinator still sees a hook die.
 */
export class CoordinationRelay {
  readonly #server: Server;
  readonly #options: RelayOptions;
  readonly #sockets = new Set<Socket>();

  constructor(log: Log, options: RelayOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (inside) => {
      const { address, port } = options.server;
      const outside = connect({ host: address, port, ...options.tls, minVersion: 'TLSv1.3' });
      outside.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MILLISECONDS);
      for (const [socket, other] of [
        [inside, outside],
        [outside, inside],
      ] as const) {
        this.#sockets.add(socket);
        socket.once('error', (error) => {
          log.warn({ server: `${address}:${port}`, reason: error.message }, 'a connection to the coordinator failed');
          other.destroy();
        });
        socket.once('close', () => {
          this.#sockets.delete(socket);
          other.destroySoon();
        });
      }
      inside.pipe(outside).pipe(inside);
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#options.port;
  }

  /** Throws FermataError `AddressInUse`. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => {
        const what = `the relay cannot listen on 127.0.0.1:${this.#options.port}: ${cause.message}`;
        reject(new FermataError('AddressInUse', what, { cause, nextStep: 'name another port with --port' }));
      });
      this.#server.listen({ host: '127.0.0.1', port: this.#options.port }, resolve);
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }
}
