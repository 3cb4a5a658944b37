import {
  type CustomResourceDefinition,
  type Draft,
  INTERRUPTION_POLICIES,
  type JsonSchema,
  type KubeObject,
  kindOf,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  POD_GROUPS,
  type ResourceType,
} from '../model/index.ts';
import { customResourceSchema } from './crd-schema.ts';

/** A CustomResourceDefinition as it is written into a manifest. */
export type CustomResourceManifest = Draft<CustomResourceDefinition> & { apiVersion: string; kind: string };

export interface ManifestOptions {
  /** Whether to say which fields can be selected by; servers before 1.30 do not know the field. Default: false. */
  readonly selectableFields?: boolean;
}

interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly priority?: number;
  readonly description?: string;
}

const AGE: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** What an API server can print without the code of the model: JSONPath only. */
const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  [POD_CHECKPOINTS.kind]: [
    { name: 'Pod', type: 'string', jsonPath: '.spec.sourcePod.name' },
    { name: 'Node', type: 'string', jsonPath: '.status.nodeName' },
    { name: 'Reason', type: 'string', jsonPath: '.spec.reason' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'Released', type: 'string', jsonPath: '.status.conditions[?(@.type=="Released")].status' },
    { name: 'Restored', type: 'string', jsonPath: '.status.conditions[?(@.type=="Restored")].status' },
    AGE,
    {
      name: 'Size',
      type: 'integer',
      jsonPath: '.status.checkpointedContainers[0].sizeBytes',
      priority: 1,
      description: 'Bytes of the first container.',
    },
    { name: 'Store', type: 'string', jsonPath: '.status.checkpointLocation.store.url', priority: 1 },
    { name: 'Encrypted', type: 'boolean', jsonPath: '.status.checkpointLocation.store.encrypted', priority: 1 },
    { name: 'Restored As', type: 'string', jsonPath: '.status.restoration.podName', priority: 1 },
  ],
  [POD_GROUP_CHECKPOINTS.kind]: [
    { name: 'Reason', type: 'string', jsonPath: '.spec.reason' },
    { name: 'Verdict', type: 'string', jsonPath: '.status.decision.verdict' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'Released', type: 'string', jsonPath: '.status.conditions[?(@.type=="Released")].status' },
    { name: 'Restored', type: 'string', jsonPath: '.status.conditions[?(@.type=="Restored")].status' },
    AGE,
    { name: 'Why', type: 'string', jsonPath: '.status.decision.message', priority: 1 },
  ],
  [INTERRUPTION_POLICIES.kind]: [
    { name: 'On Preemption', type: 'string', jsonPath: '.spec.onPreemption' },
    { name: 'Max Size', type: 'string', jsonPath: '.spec.maxCheckpointSize' },
    { name: 'Minimum Run', type: 'integer', jsonPath: '.spec.minimumRunSeconds' },
    { name: 'Per Day', type: 'integer', jsonPath: '.spec.maxInterruptionsPerDay' },
    AGE,
    { name: 'Store', type: 'string', jsonPath: '.spec.store.url', priority: 1 },
    { name: 'Encryption', type: 'boolean', jsonPath: '.spec.encryption.required', priority: 1 },
  ],
  [POD_GROUPS.kind]: [{ name: 'Min Member', type: 'integer', jsonPath: '.spec.minMember' }, AGE],
};

/** Fermata's own kinds, and the one it takes over from others, as a server is told of them, generated from their schemas. */
export function customResourceDefinitions(options: ManifestOptions = {}): CustomResourceManifest[] {
  return [
    manifest(POD_CHECKPOINTS, options),
    manifest(POD_GROUP_CHECKPOINTS, options),
    manifest(INTERRUPTION_POLICIES, options),
    manifest(POD_GROUPS, options),
  ];
}

function manifest<T extends KubeObject>(type: ResourceType<T>, options: ManifestOptions): CustomResourceManifest {
  const kind = kindOf(type);
  if (kind === undefined) throw new Error(`kind ${type.kind} is not one of the model's`);
  const fields = kind.selectableFields.filter((field) => !field.startsWith('metadata.'));
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${type.plural}.${type.group}` },
    spec: {
      group: type.group,
      names: {
        kind: type.kind,
        listKind: `${type.kind}List`,
        plural: type.plural,
        singular: type.singular,
        // An empty list would count as a change at every apply.
        ...(type.shortNames.length > 0 && { shortNames: [...type.shortNames] }),
        ...(kind.categories.length > 0 && { categories: [...kind.categories] }),
      },
      scope: type.namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: type.version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: customResourceSchema(kind.schema as JsonSchema) },
          ...(kind.subresources.status ? { subresources: { status: {} } } : {}),
          ...(options.selectableFields === true && fields.length > 0
            ? { selectableFields: fields.map((field) => ({ jsonPath: `.${field}` })) }
            : {}),
          additionalPrinterColumns: (COLUMNS[type.kind] ?? [AGE]).map((column) => ({ ...column })),
        },
      ],
    },
  };
}
