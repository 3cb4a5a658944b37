import { once } from 'node:events';
import { ApiError, type RegistryWatchOptions, type WatchEvent } from '../../../kubernetes/index.ts';
import type { KubeObject } from '../../../model/index.ts';
import type { Exchange } from '../http/exchange.ts';
import { jsonOf } from '../http/json-text.ts';
import type { ResourcePath } from '../http/request-path.ts';
import { statusOf } from '../http/status.ts';
import type { ServerContext } from '../server-context.ts';
import { Presentation } from './present.ts';
import { flag, integer, listOptions } from './query.ts';
import type { ServedResource } from './served-resource.ts';

/** Without `timeoutSeconds` a watch ends after this, or up to twice as long (kube-apiserver's `--min-request-timeout`). */
const DEFAULT_TIMEOUT_SECONDS = 1_800;
const INITIAL_EVENTS_END = { 'k8s.io/initial-events-end': 'true' };

/**
 * Answers `?watch=true`: one JSON object a line, until the client goes, the time is over or the server stops. Without a
 * resourceVersion (or with 0) the present objects come first, as ADDED.
 */
export async function watchObjects(
  context: ServerContext,
  exchange: Exchange,
  resource: ServedResource,
  path: ResourcePath,
): Promise<void> {
  const presentation = new Presentation(context.clock, exchange, resource, path.name === undefined);
  if (presentation.wanted.format === 'yaml') throw new ApiError('NotAcceptable', 'a watch is served as JSON only');
  const { query } = exchange;
  const type = resource.kind.type;
  const {
    limit: _limit,
    continue: _continue,
    resourceVersionMatch: _match,
    ...selection
  } = listOptions(exchange, resource, path.namespace);
  if (path.name !== undefined) {
    const name = `metadata.name=${path.name}`;
    selection.fieldSelector = selection.fieldSelector === undefined ? name : `${selection.fieldSelector},${name}`;
  }
  const timeoutSeconds = integer(query, 'timeoutSeconds') || DEFAULT_TIMEOUT_SECONDS * (1 + context.random());
  const allowBookmarks = flag(query, 'allowWatchBookmarks') && query.has('allowWatchBookmarks');
  const sendInitialEvents = query.get('sendInitialEvents') === 'true';

  const ended = new AbortController();
  const signal = AbortSignal.any([exchange.signal, ended.signal]);
  const timer = context.clock.setTimer(timeoutSeconds * 1_000, () => ended.abort());
  try {
    let from = selection.resourceVersion ?? '';
    const initial: KubeObject[] = [];
    const startsWithState = sendInitialEvents || from === '' || from === '0';
    if (startsWithState) {
      const { resourceVersion: _any, ...selected } = selection;
      const present = await context.registry.list(type, selected);
      initial.push(...present.items);
      from = present.resourceVersion;
    }
    const options: RegistryWatchOptions = { ...selection, resourceVersion: from, bookmarks: allowBookmarks, signal };
    const events = context.registry.watch(type, options)[Symbol.asyncIterator]();
    const lines = new EventLines(exchange, presentation);
    // A watch that cannot begin (version too old, bad selector) is refused as a whole rather than in mid-stream.
    const first = events.next();
    await settled(first);
    lines.begin();
    for (const object of initial) await lines.write('ADDED', presentation.one(object));
    if (sendInitialEvents && allowBookmarks) {
      await lines.write('BOOKMARK', presentation.bookmark(from, INITIAL_EVENTS_END));
    }
    await lines.writeAll(events, first);
  } finally {
    timer.cancel();
    ended.abort();
  }
}

/** Throws when `first` has been rejected by now; does not wait for an event. */
async function settled(first: Promise<unknown>): Promise<void> {
  await Promise.race([first, new Promise((resolve) => setImmediate(resolve))]);
}

class EventLines {
  readonly #exchange: Exchange;
  readonly #presentation: Presentation;

  constructor(exchange: Exchange, presentation: Presentation) {
    this.#exchange = exchange;
    this.#presentation = presentation;
  }

  begin(): void {
    const { response } = this.#exchange;
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' });
    response.flushHeaders();
  }

  async writeAll(
    events: AsyncIterator<WatchEvent<KubeObject>>,
    first: Promise<IteratorResult<WatchEvent<KubeObject>>>,
  ) {
    const { response } = this.#exchange;
    try {
      for (let result = await first; result.done !== true; result = await events.next()) {
        const event = result.value;
        await (event.type === 'BOOKMARK'
          ? this.write('BOOKMARK', this.#presentation.bookmark(event.resourceVersion))
          : this.write(event.type, this.#presentation.one(event.object)));
        if (response.destroyed) break;
      }
    } catch (error) {
      if (!this.#exchange.signal.aborted) await this.write('ERROR', statusOf(error));
    } finally {
      await events.return?.();
    }
    response.end();
  }

  /** Resolves once there is room for more: a slow client holds up only its own watch. */
  async write(type: string, object: object): Promise<void> {
    const { response, signal } = this.#exchange;
    if (response.destroyed) return;
    const hasRoom = response.write(`{"type":"${type}","object":${jsonOf(object)}}\n`);
    if (hasRoom) return;
    try {
      await once(response, 'drain', { signal });
    } catch {
      // The client went away, or the server stops: the loop above sees it.
    }
  }
}
