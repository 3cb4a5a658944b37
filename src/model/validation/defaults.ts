import type { CustomResourceDefinition, Namespace, Pod, PodDisruptionBudget, PriorityClass, Secret } from '../core.ts';
import type { KindDefinition } from '../kinds.ts';
import type { KubeObject } from '../meta.ts';
import { jsonCopy } from './json-copy.ts';
import { applyPodDefaults } from './pod-defaults.ts';
import { type JsonSchema, withSchemaDefaults } from './schema-check.ts';

const NAME_LABEL = 'kubernetes.io/metadata.name';

/** By kind; each fills in its copy of the object. */
const DEFAULTS: Readonly<Record<string, (object: never) => void>> = {
  Pod: ({ spec }: Pod) => {
    if (spec !== undefined) applyPodDefaults(spec);
  },
  Namespace: (namespace: Namespace) => {
    namespace.status = { phase: 'Active', ...namespace.status };
    const { metadata } = namespace;
    if (metadata?.name) metadata.labels = { ...metadata.labels, [NAME_LABEL]: metadata.name };
  },
  PriorityClass: (priorityClass: PriorityClass) => {
    priorityClass.preemptionPolicy ||= 'PreemptLowerPriority';
  },
  PodDisruptionBudget: ({ spec }: PodDisruptionBudget) => {
    if (spec !== undefined && spec.minAvailable === undefined && spec.maxUnavailable === undefined) {
      spec.minAvailable = 1;
    }
  },
  Secret: (secret: Secret) => {
    secret.type ||= 'Opaque';
    const { stringData } = secret;
    if (stringData === undefined) return;
    delete secret.stringData;
    secret.data = { ...secret.data };
    for (const [key, text] of Object.entries(stringData)) secret.data[key] = Buffer.from(text).toString('base64');
  },
  CustomResourceDefinition: ({ spec }: CustomResourceDefinition) => {
    const { names } = spec ?? {};
    if (names?.kind === undefined) return;
    names.singular ||= names.kind.toLowerCase();
    names.listKind ||= `${names.kind}List`;
    spec.conversion ??= { strategy: 'None' };
  },
};

/**
 * The object with everything filled in that a server fills in: of standard kinds as kube-apiserver does, of the others the
 * defaults of their schema. The object itself is not changed. It must have the shape of its kind ({@link validateObject}).
 */
export function applyDefaults<T extends KubeObject>(kind: KindDefinition, object: T): T {
  const apply = DEFAULTS[kind.type.kind] as ((copy: T) => void) | undefined;
  if (apply !== undefined) {
    const copy = jsonCopy(object);
    apply(copy);
    return copy;
  }
  // The schema describes T; filling in defaults keeps its shape.
  return withSchemaDefaults(kind.schema as JsonSchema, object) as T;
}
