import { type KubeObject, MUTATING_WEBHOOK_CONFIGURATIONS } from '../../model/index.ts';
import { isApiError } from '../api-error.ts';
import type { ObjectStore } from '../store.ts';

interface WebhookConfiguration extends KubeObject {
  webhooks?: { name: string; clientConfig: { caBundle?: string; service?: object } }[];
}

/**
 * Tells the API server whom to trust: puts the authorities (PEM) into every webhook of the MutatingWebhookConfiguration that
 * lacks them. Throws ApiError NotFound when there is no such configuration.
 */
export async function announceAuthorities(
  store: ObjectStore,
  { name, authorities }: { name: string; authorities: string },
  signal?: AbortSignal,
): Promise<void> {
  const caBundle = Buffer.from(authorities).toString('base64');
  const options = signal === undefined ? {} : { signal };
  for (;;) {
    const found: WebhookConfiguration = await store.get(MUTATING_WEBHOOK_CONFIGURATIONS, { name }, options);
    const { webhooks = [] } = found;
    if (webhooks.every(({ clientConfig }) => clientConfig.caBundle === caBundle)) return;
    const { uid, resourceVersion } = found.metadata;
    const next = webhooks.map((each) => ({ ...each, clientConfig: { ...each.clientConfig, caBundle } }));
    const patch = { metadata: { uid, resourceVersion }, webhooks: next };
    try {
      await store.patch(MUTATING_WEBHOOK_CONFIGURATIONS, { name }, patch, options);
      return;
    } catch (error) {
      if (!isApiError(error, 'Conflict')) throw error;
    }
  }
}
