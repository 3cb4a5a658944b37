import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock, Random } from '../../clock/index.ts';
import { Registry } from '../../kubernetes/index.ts';
import { FermataError, type Log } from '../../model/index.ts';
import { writeAtomically } from '../atomic-file.ts';
import { ApiHandler } from './api-handler.ts';
import { type Credentials, loadCredentials } from './credentials.ts';
import { writeKubeconfig } from './kubeconfig-file.ts';
import { SqliteBacking } from './sqlite-backing.ts';

const HOST = '127.0.0.1';
/**
 * Below Linux' range of ephemeral ports (32768–60999): while the server is down no outgoing connection can be given its
 * port, nor a client that retries connect to itself.
 */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_767;
const PORT_TRIES = 50;
/** Idle connections are kept this long; kubectl's and undici's pools then find them again. */
const KEEP_ALIVE_MILLISECONDS = 120_000;
/** What an answer under way gets to finish once the server stops. */
const STOP_GRACE_MILLISECONDS = 2_000;

export interface SandboxApiServerOptions {
  /** Holds `state.db`, `pki/`, `kubeconfig` and `apiserver-port`; made (0700) when missing. */
  directory: string;
  /** Default: the one used before in this directory, else a free one. */
  port?: number;
  /** Unix socket of the node process, for logs. */
  nodeSocket: string;
}

/**
 * The embedded cluster's API server: Kubernetes' HTTP API over a {@link Registry} kept in SQLite, on loopback, for the one
 * user who holds the token. Not for production.
 */
export class SandboxApiServer {
  readonly #dependencies: { clock: Clock; random: Random; log: Log };
  readonly #options: SandboxApiServerOptions;
  #running: { registry: Registry; handler: ApiHandler; server: Server; sockets: ReadonlySet<Socket> } | undefined;

  constructor(dependencies: { clock: Clock; random: Random; log: Log }, options: SandboxApiServerOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
  }

  /** For what runs in the same process; undefined while the server does not run. */
  get registry(): Registry | undefined {
    return this.#running?.registry;
  }

  /**
   * Serves what the directory holds.
   * @throws FermataError `PortTaken`; `StateInUse`, `StateCorrupt`, `StateTooNew` about `state.db`
   */
  async start(): Promise<{ url: string; kubeconfigPath: string }> {
    const { clock, random, log } = this.#dependencies;
    const { directory, nodeSocket } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const credentials = await loadCredentials(clock, join(directory, 'pki'));
    const backing = new SqliteBacking(join(directory, 'state.db'));
    let registry: Registry | undefined;
    try {
      registry = new Registry({ backing, clock, random });
      const handler = new ApiHandler({ registry, clock, random, log, nodeSocket }, credentials.token);
      const server = makeServer(credentials, handler);
      const sockets = openSockets(server);
      const url = `https://${HOST}:${await this.#listen(server)}`;
      const kubeconfigPath = join(directory, 'kubeconfig');
      writeKubeconfig(kubeconfigPath, { url, authority: credentials.authority, token: credentials.token });
      this.#running = { registry, handler, server, sockets };
      log.info({ url, directory }, 'API server listens');
      return { url, kubeconfigPath };
    } catch (error) {
      registry?.close();
      backing.close();
      throw error;
    }
  }

  /** Ends watches, lets answers under way finish (at most 2 s), and closes the state file. Stopping twice is harmless. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    const { registry, handler, server, sockets } = running;
    const closed = once(server, 'close');
    server.close();
    const force = this.#dependencies.clock.setTimer(STOP_GRACE_MILLISECONDS, () => server.closeAllConnections());
    await handler.stop();
    // Not destroyed: the last bytes of what was just answered may still be under way.
    for (const socket of sockets) socket.end();
    await closed;
    force.cancel();
    registry.close();
  }

  async #listen(server: Server): Promise<number> {
    const portFile = join(this.#options.directory, 'apiserver-port');
    const fixed = this.#options.port || (await readPort(portFile));
    if (fixed !== undefined) {
      if (!(await listens(server, fixed))) throw portTaken(fixed, this.#options.directory);
      writeAtomically(portFile, `${fixed}\n`);
      return fixed;
    }
    for (let attempt = 0; attempt < PORT_TRIES; attempt++) {
      const port = randomInt(LOWEST_PORT, HIGHEST_PORT + 1);
      if (!(await listens(server, port))) continue;
      writeAtomically(portFile, `${port}\n`);
      return port;
    }
    throw new FermataError('PortTaken', `found no free port on ${HOST} between ${LOWEST_PORT} and ${HIGHEST_PORT}`, {
      nextStep: 'name one with --port',
    });
  }
}

function makeServer({ server: { certificate, key } }: Credentials, handler: ApiHandler): Server {
  const server = createServer({ cert: certificate, key, ALPNProtocols: ['http/1.1'] }, handler.handle);
  server.keepAliveTimeout = KEEP_ALIVE_MILLISECONDS;
  // Connections that speak no TLS, or no HTTP, end; there is nobody to tell.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}

function openSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

/** False when somebody else has the port. */
function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      server.off('listening', onListening);
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    };
    const onListening = (): void => {
      server.off('error', onError);
      resolve(true);
    };
    server.once('error', onError).once('listening', onListening);
    server.listen(port, HOST);
  });
}

async function readPort(file: string): Promise<number | undefined> {
  try {
    const port = Number(await readFile(file, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function portTaken(port: number, directory: string): FermataError {
  return new FermataError(
    'PortTaken',
    `port ${port} on ${HOST}, which ${directory} was served on, is taken by another process`,
    {
      nextStep: `end that process, or choose another port with --port (clients need the new kubeconfig then)`,
    },
  );
}
