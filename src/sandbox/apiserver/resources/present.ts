import type { Clock } from '../../../clock/index.ts';
import type { KubeObject } from '../../../model/index.ts';
import { negotiate, type Shape, type Wanted } from '../http/accept.ts';
import type { Exchange } from '../http/exchange.ts';
import { jsonOf } from '../http/json-text.ts';
import { parseIncludeObject, type TableOptions, tableOf } from '../table/table.ts';
import type { ServedResource } from './served-resource.ts';

const META_VERSIONS = ['meta.k8s.io/v1', 'meta.k8s.io/v1beta1'];
const ONE: Record<string, readonly string[]> = { Table: META_VERSIONS, PartialObjectMetadata: META_VERSIONS };
const MANY: Record<string, readonly string[]> = { Table: META_VERSIONS, PartialObjectMetadataList: META_VERSIONS };

export interface ListMetadata {
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

/** Turns stored objects into what the client of one request asked for by its `Accept` header. */
export class Presentation {
  readonly wanted: Wanted;
  readonly #resource: ServedResource;
  readonly #clock: Clock;
  readonly #query: URLSearchParams;

  /** @param many whether a list is asked for @throws ApiError NotAcceptable, BadRequest */
  constructor(clock: Clock, exchange: Exchange, resource: ServedResource, many: boolean) {
    this.wanted = negotiate(exchange.accept, many ? MANY : ONE);
    this.#resource = resource;
    this.#clock = clock;
    this.#query = exchange.query;
    if (this.wanted.as?.kind === 'Table') parseIncludeObject(this.#query.get('includeObject'));
  }

  one(object: KubeObject): object {
    const { as } = this.wanted;
    if (as === undefined) return this.#view(object);
    if (as.kind !== 'Table') return partial(object, as);
    return this.#table([object], { resourceVersion: object.metadata.resourceVersion }, as);
  }

  /** JSON of a list; the text of each object is made only once. */
  many(objects: readonly KubeObject[], metadata: ListMetadata): string {
    const { as } = this.wanted;
    if (as?.kind === 'Table') return JSON.stringify(this.#table(objects, metadata, as));
    const isPartial = as !== undefined;
    const kind = isPartial ? 'PartialObjectMetadataList' : `${this.#resource.kind.type.kind}List`;
    const apiVersion = isPartial ? `${as.group}/${as.version}` : this.#resource.apiVersion;
    const items = objects.map((object) => jsonOf(isPartial ? partial(object, as) : this.#view(object)));
    const head = JSON.stringify({ kind, apiVersion, metadata });
    return `${head.slice(0, -1)},"items":[${items.join(',')}]}`;
  }

  /** What a bookmark of a watch carries: an object with nothing but a resourceVersion. */
  bookmark(resourceVersion: string, annotations?: Record<string, string>): object {
    const metadata = {
      resourceVersion,
      creationTimestamp: null,
      ...(annotations === undefined ? {} : { annotations }),
    };
    const { as } = this.wanted;
    const { kind, apiVersion } = { kind: this.#resource.kind.type.kind, apiVersion: this.#resource.apiVersion };
    if (as === undefined) return { kind, apiVersion, metadata };
    if (as.kind !== 'Table')
      return { kind: 'PartialObjectMetadata', apiVersion: `${as.group}/${as.version}`, metadata };
    const object = { kind: 'PartialObjectMetadata', apiVersion: `${as.group}/${as.version}`, metadata };
    return { ...this.#table([], metadata, as), rows: [{ cells: [], object }] };
  }

  async send(exchange: Exchange, code: number, value: object | string): Promise<void> {
    if (this.wanted.format === 'json') {
      if (typeof value === 'string') exchange.text(code, value, 'application/json');
      else exchange.json(code, value);
      return;
    }
    const { stringify } = await import('yaml');
    const object: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    exchange.text(code, stringify(object, { aliasDuplicateObjects: false }), 'application/yaml');
  }

  #view(object: KubeObject): KubeObject {
    return this.#resource.view?.fromStored(object) ?? object;
  }

  #table(objects: readonly KubeObject[], metadata: object, { version }: Shape): object {
    const options: TableOptions = {
      version,
      includeObject: parseIncludeObject(this.#query.get('includeObject')),
      now: this.#clock.now(),
    };
    return tableOf(this.#resource.kind, objects, metadata, options);
  }
}

function partial(object: KubeObject, { group, version }: Shape): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `${group}/${version}`, metadata: object.metadata };
}
