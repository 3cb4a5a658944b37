import { createHash } from 'node:crypto';
import { ApiError, type Registry } from '../../../kubernetes/index.ts';
import { accepts } from '../http/accept.ts';
import type { Exchange } from '../http/exchange.ts';
import { documentPaths, openApiV2, openApiV3 } from './documents.ts';
import { encodeOpenApiV2 } from './openapi-protobuf.ts';

/** Asked for with an `@`, which Go's MIME parser refuses in an answer: kube-apiserver answers without it, too. */
const PROTOBUF_V2 = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const PROTOBUF_V3 = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf';
const PROTOBUF_V2_ASKED = [
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  PROTOBUF_V2,
]; /** kubectl keeps a document whose hash it asked for, for as long as this says. */
const IMMUTABLE = { 'Cache-Control': 'public, immutable, max-age=31536000' };

/** Serves the OpenAPI documents; made when first asked for, and anew when the kinds served have changed. */
export class OpenApiHandler {
  readonly #registry: Registry;
  readonly #documents = new Map<string, { body: Buffer; etag: string }>();
  readonly #unsubscribe: () => void;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#unsubscribe = registry.kinds.onChange(() => this.#documents.clear());
  }

  close(): void {
    this.#unsubscribe();
    this.#documents.clear();
  }

  /** Gives false when there is no such document. */
  handle(exchange: Exchange, segments: readonly string[]): boolean {
    const [, version, ...rest] = segments;
    if (version === 'v2' && rest.length === 0) {
      this.#sendV2(exchange);
      return true;
    }
    if (version !== 'v3') return false;
    if (rest.length === 0) {
      exchange.json(200, { paths: this.#index() });
      return true;
    }
    if (accepts(exchange.accept, PROTOBUF_V3) && !accepts(exchange.accept, 'application/json')) {
      throw new ApiError('NotAcceptable', 'OpenAPI v3 documents are served as JSON only');
    }
    const document = this.#v3(rest.join('/'));
    if (document === undefined) return false;
    this.#send(exchange, document, 'application/json');
    return true;
  }

  #sendV2(exchange: Exchange): void {
    if (!PROTOBUF_V2_ASKED.some((type) => accepts(exchange.accept, type))) {
      const document = this.#kept('v2.json', () => Buffer.from(JSON.stringify(openApiV2(this.#registry))));
      this.#send(exchange, document, 'application/json');
    } else {
      const document = this.#kept('v2.pb', () => encodeOpenApiV2(openApiV2(this.#registry)));
      this.#send(exchange, document, PROTOBUF_V2);
    }
  }

  #index(): Record<string, { serverRelativeURL: string }> {
    const entries = [...documentPaths(this.#registry).keys()].map((path) => {
      const hash = this.#v3(path)?.etag ?? '';
      return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const;
    });
    return Object.fromEntries(entries);
  }

  #v3(path: string): { body: Buffer; etag: string } | undefined {
    const groupVersion = documentPaths(this.#registry).get(path);
    if (groupVersion === undefined) return undefined;
    return this.#kept(path, () => Buffer.from(JSON.stringify(openApiV3(this.#registry, groupVersion))));
  }

  #kept(name: string, make: () => Buffer): { body: Buffer; etag: string } {
    let document = this.#documents.get(name);
    if (document === undefined) {
      const body = make();
      document = { body, etag: createHash('sha256').update(body).digest('hex').slice(0, 32).toUpperCase() };
      this.#documents.set(name, document);
    }
    return document;
  }

  #send(exchange: Exchange, { body, etag }: { body: Buffer; etag: string }, contentType: string): void {
    const { response, request, query } = exchange;
    const caching = query.get('hash') === etag ? IMMUTABLE : { 'Cache-Control': 'no-cache, private' };
    if (request.headers['if-none-match'] === `"${etag}"`) {
      response.writeHead(304, { ETag: `"${etag}"`, ...caching }).end();
      return;
    }
    response.writeHead(200, {
      'Content-Type': contentType,
      'Content-Length': body.length,
      ETag: `"${etag}"`,
      Vary: 'Accept',
      ...caching,
    });
    response.end(body);
  }
}
