import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Agent, request as secureRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ClusterAccess } from '../../src/kubernetes/index.ts';

/** What somebody asked of the API server, in RBAC's words. */
export interface Asked {
  verb: string;
  group: string;
  resource: string;
  name: string;
  namespace: string;
  status: number;
}

/** Stands in front of the cluster's API server for one user: passes everything on as that one, and writes down what it was. */
export class ImpersonatingProxy {
  readonly asked: Asked[] = [];
  readonly #access: ClusterAccess;
  readonly #user: string;
  readonly #agent: Agent;
  readonly #server: Server;

  constructor(access: ClusterAccess, user: string) {
    this.#access = access;
    this.#user = user;
    this.#agent = new Agent({
      keepAlive: true,
      ...(access.ca === undefined ? {} : { ca: access.ca }),
      ...(access.clientCert === undefined ? {} : { cert: access.clientCert }),
      ...(access.clientKey === undefined ? {} : { key: access.clientKey }),
    });
    this.#server = createServer((incoming, outgoing) => {
      const url = new URL(incoming.url ?? '/', this.#access.server);
      const { authorization: _, host: _host, ...headers } = incoming.headers;
      const onward = secureRequest(url, {
        method: incoming.method ?? 'GET',
        agent: this.#agent,
        headers: {
          ...headers,
          ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
          'impersonate-user': this.#user,
          'impersonate-group': ['system:serviceaccounts', 'system:authenticated'],
        },
      });
      onward.on('response', (answer) => {
        this.#note(incoming, url, answer.statusCode ?? 0);
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on('error', () => outgoing.destroy());
      outgoing.on('close', () => onward.destroy());
      incoming.pipe(onward);
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await closed;
  }

  #note({ method }: IncomingMessage, url: URL, status: number): void {
    const match =
      /^\/(?:api|apis\/(?<group>[^/]+))\/v[^/]+(?:\/namespaces\/(?<namespace>[^/]+)(?=\/))?\/(?<plural>[^/]+)(?:\/(?<name>[^/]+))?(?:\/(?<sub>.+))?$/.exec(
        url.pathname,
      );
    if (match?.groups === undefined) return;
    const { group = '', namespace = '', plural = '', name = '', sub } = match.groups;
    const resource = sub === undefined ? plural : `${plural}/${sub}`;
    this.asked.push({ verb: verbOf(method, name, url), group, resource, name, namespace, status });
  }
}

function verbOf(method: string | undefined, name: string, url: URL): string {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === '' ? 'deletecollection' : 'delete';
    default:
      if (url.searchParams.get('watch') === '1') return 'watch';
      return name === '' ? 'list' : 'get';
  }
}
