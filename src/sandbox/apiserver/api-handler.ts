import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from '../../kubernetes/index.ts';
import { FermataError, reasonOf } from '../../model/index.ts';
import { sendDiscovery } from './discovery/discovery.ts';
import { Exchange } from './http/exchange.ts';
import { parseResourcePath, segmentsOf } from './http/request-path.ts';
import { OpenApiHandler } from './openapi/openapi-handler.ts';
import { handleResource } from './resources/resource-handler.ts';
import { notServed } from './resources/served-resource.ts';
import type { ServerContext } from './server-context.ts';
import { VERSION_INFO } from './version.ts';

/** Paths that answer without a token, as in a default Kubernetes cluster (`system:public-info-viewer`). */
const PUBLIC: ReadonlySet<string> = new Set(['healthz', 'livez', 'readyz', 'version']);

/** Answers every request of the server: who may ask, what is asked for, what went wrong. */
export class ApiHandler {
  readonly #context: ServerContext;
  readonly #openApi: OpenApiHandler;
  readonly #tokenDigest: Buffer;
  readonly #stopping = new AbortController();
  readonly #underWay = new Set<Promise<void>>();

  /** @param token what clients must send as `Authorization: Bearer …` */
  constructor(context: ServerContext, token: string) {
    this.#context = context;
    this.#openApi = new OpenApiHandler(context.registry);
    this.#tokenDigest = digestOf(token);
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const gone = new AbortController();
    const closed = new Promise<void>((resolve) => {
      response.once('close', () => {
        gone.abort();
        resolve();
      });
    });
    // A client that breaks off is no news: its `close` ends what was done for it.
    request.on('error', () => gone.abort());
    response.on('error', () => gone.abort());
    const exchange = new Exchange(request, response, AbortSignal.any([gone.signal, this.#stopping.signal]));
    const work = Promise.all([this.#answer(exchange), closed])
      .catch((error: unknown) => {
        this.#context.log.error(
          { method: exchange.method, path: exchange.pathname, error },
          'request could not be answered',
        );
        response.destroy();
      })
      .then(() => {
        this.#underWay.delete(work);
      });
    this.#underWay.add(work);
  };

  /** Ends watches and streams, and resolves when every answer has gone out, or its client. */
  async stop(): Promise<void> {
    this.#stopping.abort(new ApiError('ServiceUnavailable', 'the API server is stopping'));
    await Promise.all(this.#underWay);
    this.#openApi.close();
  }

  async #answer(exchange: Exchange): Promise<void> {
    try {
      await this.#dispatch(exchange);
    } catch (error) {
      this.#fail(exchange, error);
    }
  }

  #fail(exchange: Exchange, error: unknown): void {
    const { code } = exchange.fail(error);
    const isOwnFault = code >= 500 && code !== 501 && !exchange.signal.aborted;
    if (!isOwnFault) return;
    const { method, pathname: path } = exchange;
    // A refusal of ours says where it comes from; of anything else only the stack does.
    const stack = error instanceof FermataError || !(error instanceof Error) ? {} : { stack: error.stack };
    this.#context.log.error({ method, path, code, reason: reasonOf(error), ...stack }, 'request failed');
  }

  async #dispatch(exchange: Exchange): Promise<void> {
    const segments = segmentsOf(exchange.pathname);
    if (segments === undefined) throw notServed();
    const [root = ''] = segments;
    if (!PUBLIC.has(root)) {
      if (!this.#isAuthorized(exchange)) throw new ApiError('Unauthorized', 'Unauthorized');
      // Ignoring it would answer with more rights than the client asked to have.
      if (exchange.request.headers['impersonate-user'] !== undefined) throw cannotImpersonate();
    }
    switch (root) {
      case 'healthz':
      case 'livez':
      case 'readyz':
        return exchange.text(200, 'ok');
      case 'version':
        return exchange.json(200, VERSION_INFO);
      case 'openapi':
        if (exchange.method === 'GET' && this.#openApi.handle(exchange, segments)) return;
        break;
      case 'api':
      case 'apis': {
        if (exchange.method === 'GET' && sendDiscovery(this.#context.registry, exchange, segments)) return;
        const path = parseResourcePath(segments);
        if (path !== undefined) return handleResource(this.#context, exchange, path);
        break;
      }
      case '':
        if (exchange.method === 'GET') return exchange.json(200, { paths: ROOT_PATHS });
    }
    throw notServed();
  }

  #isAuthorized(exchange: Exchange): boolean {
    const [scheme, token] = (exchange.request.headers.authorization ?? '').split(' ', 2);
    if (scheme?.toLowerCase() !== 'bearer' || token === undefined) return false;
    // Digests are of one length, so the time taken says nothing about the token.
    return timingSafeEqual(digestOf(token), this.#tokenDigest);
  }
}

const ROOT_PATHS = ['/api', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'];

function cannotImpersonate(): ApiError {
  return new ApiError('Forbidden', 'the sandbox knows one user and cannot act as another', {
    nextStep: 'leave out --as',
  });
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
