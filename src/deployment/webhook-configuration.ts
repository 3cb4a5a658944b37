import { AWAITS_REPLACEMENT_LABEL, RESTORE_FROM_ANNOTATION } from '../model/index.ts';
import { labelsOf, type Manifest } from './options.ts';

/** Where the API server finds the webhook. */
export type WebhookClient =
  | { service: { namespace: string; name: string; path: string; port: number } }
  | { url: string };

export interface WebhookConfigurationOptions {
  client: WebhookClient;
  /** Whether the server knows `matchConditions` (Kubernetes 1.28); without them it asks about more pods than it has to. */
  knowsMatchConditions: boolean;
  /** Default `fermata`. */
  name?: string;
}

const HAS_CONTROLLER =
  'has(object.metadata.ownerReferences) && object.metadata.ownerReferences.exists(o, has(o.controller) && o.controller)';
const NAMES_CHECKPOINT = `has(object.metadata.annotations) && '${RESTORE_FROM_ANNOTATION}' in object.metadata.annotations`;

/**
 * Where a replacement of a suspended pod is awaited, pods of controllers are not admitted without the webhook's word: they
 * would begin anew. Elsewhere pods are admitted though the webhook is down; it is asked there only because a mark just set on
 * a namespace may not have reached the API server's cache. Pods that name a checkpoint are never admitted unasked.
 */
export function webhookConfiguration(options: WebhookConfigurationOptions): Manifest {
  const webhook = (
    name: string,
    failurePolicy: 'Fail' | 'Ignore',
    condition: { name: string; expression: string },
    namespaceSelector: object,
  ): object => ({
    name,
    admissionReviewVersions: ['v1'],
    clientConfig: options.client,
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' }],
    namespaceSelector,
    ...(options.knowsMatchConditions && { matchConditions: [condition] }),
    failurePolicy,
    sideEffects: 'NoneOnDryRun',
    timeoutSeconds: 10,
  });
  const awaits = (operator: 'In' | 'NotIn'): object => ({
    matchExpressions: [{ key: AWAITS_REPLACEMENT_LABEL, operator, values: ['true'] }],
  });
  const controlled = { name: 'has-controller', expression: `${HAS_CONTROLLER} && !(${NAMES_CHECKPOINT})` };
  const restored = { name: 'names-checkpoint', expression: NAMES_CHECKPOINT };
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: options.name ?? 'fermata', labels: labelsOf('webhook') },
    webhooks: [
      webhook('replacements.fermata.dev', 'Fail', controlled, awaits('In')),
      webhook('pods.fermata.dev', 'Ignore', controlled, awaits('NotIn')),
      // Without conditions the two above see these pods too.
      ...(options.knowsMatchConditions ? [webhook('restores.fermata.dev', 'Fail', restored, {})] : []),
    ],
  };
}
