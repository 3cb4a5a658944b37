import type { Exchange } from '../http/exchange.ts';
import type { ResourcePath } from '../http/request-path.ts';
import type { ServerContext } from '../server-context.ts';
import { type ListMetadata, Presentation } from './present.ts';
import { listOptions } from './query.ts';
import type { ServedResource } from './served-resource.ts';

export async function getObject(
  context: ServerContext,
  exchange: Exchange,
  resource: ServedResource,
  key: { namespace?: string; name: string },
): Promise<void> {
  const presentation = new Presentation(context.clock, exchange, resource, false);
  const object = await context.registry.get(resource.kind.type, key, { signal: exchange.signal });
  await presentation.send(exchange, 200, presentation.one(object));
}

export async function listObjects(
  context: ServerContext,
  exchange: Exchange,
  resource: ServedResource,
  path: ResourcePath,
): Promise<void> {
  const presentation = new Presentation(context.clock, exchange, resource, true);
  const page = await context.registry.list(resource.kind.type, listOptions(exchange, resource, path.namespace));
  const metadata: ListMetadata = { resourceVersion: page.resourceVersion };
  if (page.continue !== undefined) metadata.continue = page.continue;
  if (page.remainingItemCount !== undefined) metadata.remainingItemCount = page.remainingItemCount;
  await presentation.send(exchange, 200, presentation.many(page.items, metadata));
}
