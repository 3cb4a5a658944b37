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
const NAMES_CHECKPOINT = namesCheckpoint('object');
const ANOTHER_CHECKPOINT = `${NAMES_CHECKPOINT} && !(oldObject != null && ${namesCheckpoint('oldObject')} && ${restoreFrom('oldObject')} == ${restoreFrom('object')})`;
const IMAGES = imagesOf('object');
const ANOTHER_IMAGE = `${IMAGES}.exists(i, i.matches('/fermata/[0-9a-f-]{36}/')) && !(oldObject != null && ${imagesOf('oldObject')} == ${IMAGES})`;

/** CEL. */
function restoreFrom(object: string): string {
  return `${object}.metadata.annotations['${RESTORE_FROM_ANNOTATION}']`;
}

function namesCheckpoint(object: string): string {
  return `has(${object}.metadata.annotations) && '${RESTORE_FROM_ANNOTATION}' in ${object}.metadata.annotations`;
}

/** Of containers, and of volumes (KEP-4639, which servers before 1.31 do not know). */
function imagesOf(object: string): string {
  const optional = (field: string): string => `(has(${object}.spec.${field}) ? ${object}.spec.${field} : [])`;
  const all = `${object}.spec.containers + ${optional('initContainers')} + ${optional('ephemeralContainers')}`;
  const mounted = `${optional('volumes')}.map(v, has(v.image) && has(v.image.reference) ? v.image.reference : '')`;
  return `((${all}).map(c, has(c.image) ? c.image : '') + ${mounted})`;
}

/**
 * Where a replacement of a suspended pod is awaited, pods of controllers are not admitted without the webhook's word: they
 * would begin anew. Elsewhere pods are admitted though the webhook is down; it is asked there only because a mark just set on
 * a namespace may not have reached the API server's cache. Pods that name a checkpoint, by annotation or as an image, are never
 * admitted unasked, nor is such a name written to a pod that exists.
 */
export function webhookConfiguration(options: WebhookConfigurationOptions): Manifest {
  const { knowsMatchConditions } = options;
  const webhook = (
    name: string,
    failurePolicy: 'Fail' | 'Ignore',
    { operations = ['CREATE'], resources = ['pods'], condition, namespaceSelector = {} }: Asked,
  ): object => ({
    name,
    admissionReviewVersions: ['v1'],
    clientConfig: options.client,
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations, resources, scope: 'Namespaced' }],
    namespaceSelector,
    ...(knowsMatchConditions && { matchConditions: [condition] }),
    failurePolicy,
    sideEffects: 'NoneOnDryRun',
    timeoutSeconds: 10,
  });
  const awaits = (operator: 'In' | 'NotIn'): object => ({
    matchExpressions: [{ key: AWAITS_REPLACEMENT_LABEL, operator, values: ['true'] }],
  });
  const controlled = { name: 'has-controller', expression: `${HAS_CONTROLLER} && !(${NAMES_CHECKPOINT})` };
  const restored = { name: 'names-checkpoint', expression: `(${ANOTHER_CHECKPOINT}) || (${ANOTHER_IMAGE})` };
  const resources = ['pods', 'pods/ephemeralcontainers'];
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: options.name ?? 'fermata', labels: labelsOf('webhook') },
    webhooks: [
      // First: the API server asks in this order, and must not take what the others write for what the pod's maker wrote.
      knowsMatchConditions
        ? webhook('restores.fermata.dev', 'Fail', { operations: ['CREATE', 'UPDATE'], resources, condition: restored })
        : // Of every change of a pod, for want of conditions: not to be a reason that none is possible. The others see new pods.
          webhook('restores.fermata.dev', 'Ignore', { operations: ['UPDATE'], resources, condition: restored }),
      webhook('replacements.fermata.dev', 'Fail', { condition: controlled, namespaceSelector: awaits('In') }),
      webhook('pods.fermata.dev', 'Ignore', { condition: controlled, namespaceSelector: awaits('NotIn') }),
    ],
  };
}

/** About what a webhook is asked. */
interface Asked {
  /** Default CREATE. */
  operations?: readonly string[];
  /** Default pods. */
  resources?: readonly string[];
  /** CEL. */
  condition: { name: string; expression: string };
  /** Default: all. */
  namespaceSelector?: object;
}
