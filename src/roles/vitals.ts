import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Metrics } from '../metrics/index.ts';
import { FermataError, type Log, reasonOf } from '../model/index.ts';

export interface VitalsOptions {
  /** `host:port`, `:port` (every address) or `port`; absent: nothing listens. */
  healthAddress?: string;
}

/** Resolves to undefined when all is well, else to what is missing. */
export type Check = () => string | undefined;

/** What tells of a long-running process: `/healthz` (it runs), `/readyz` (it can do its work now), `/metrics`. */
export class Vitals {
  readonly metrics = new Metrics();
  readonly #log: Log;
  readonly #address: { host?: string; port: number } | undefined;
  readonly #checks = new Map<string, Check>();
  #server: Server | undefined;

  /** Throws FermataError `HealthAddressInvalid`. */
  constructor(log: Log, { healthAddress }: VitalsOptions) {
    this.#log = log;
    this.#address = healthAddress === undefined ? undefined : parseAddress(healthAddress);
    const memory = this.metrics.gauge('process_resident_memory_bytes', 'Resident memory size in bytes.');
    const cpu = this.metrics.gauge('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.');
    const begun = this.metrics.gauge('process_start_time_seconds', 'Start of the process, in Unix seconds.');
    begun.set(Math.round(Date.now() / 1000 - process.uptime()));
    this.metrics.onCollect(() => {
      const { user, system } = process.cpuUsage();
      cpu.set((user + system) / 1e6);
      memory.set(process.memoryUsage.rss());
    });
  }

  /** Another thing without which the process is not ready. */
  requires(name: string, check: Check): void {
    this.#checks.set(name, check);
  }

  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  }

  /** Throws FermataError `AddressInUse`. */
  async start(): Promise<void> {
    if (this.#address === undefined) return;
    const server = createServer((request, response) => {
      const { code, type = 'text/plain', body } = this.#answer(request.url ?? '');
      response.writeHead(code, { 'content-type': type, connection: 'close' }).end(body);
    });
    const failed = once(server, 'error').then(([error]) => {
      throw new FermataError(
        'AddressInUse',
        `${JSON.stringify(this.#address)} cannot be listened on: ${reasonOf(error)}`,
        {
          cause: error,
          nextStep: 'name another with --health-address',
        },
      );
    });
    server.listen(this.#address);
    await Promise.race([once(server, 'listening'), failed]);
    failed.catch((error: unknown) => this.#log.warn({ reason: reasonOf(error) }, 'health socket'));
    this.#server = server;
  }

  async stop(): Promise<void> {
    if (this.#server === undefined) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    this.#server = undefined;
  }

  #answer(url: string): { code: number; type?: string; body: string } {
    switch (url.split('?')[0]) {
      case '/healthz':
      case '/livez':
        return { code: 200, body: 'ok\n' };
      case '/readyz': {
        const results = [...this.#checks].map(([name, check]) => ({ name, missing: check() }));
        const lines = results.map(({ name, missing }) =>
          missing === undefined ? `[+]${name} ok` : `[-]${name}: ${missing}`,
        );
        const isReady = results.every(({ missing }) => missing === undefined);
        return { code: isReady ? 200 : 503, body: `${[...lines, isReady ? 'ok' : 'not ready'].join('\n')}\n` };
      }
      case '/metrics':
        return { code: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: this.metrics.text() };
      default:
        return { code: 404, body: 'see /healthz, /readyz and /metrics\n' };
    }
  }
}

function parseAddress(text: string): { host?: string; port: number } {
  const match = /^(?:(?<host>.*):)?(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.port);
  if (match === null || port > 65_535) {
    throw new FermataError('HealthAddressInvalid', `${JSON.stringify(text)} is not an address to listen on`, {
      nextStep: 'write HOST:PORT, for example 127.0.0.1:8081, or :8081',
    });
  }
  const host = (match.groups?.host ?? '').replace(/^\[|\]$/g, '');
  return { port, ...(host !== '' && { host }) };
}
