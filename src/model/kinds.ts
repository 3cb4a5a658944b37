import { createRequire } from 'node:module';
import type { TSchema } from 'typebox';
import {
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  EVENTS,
  LEASES,
  NAMESPACES,
  NODES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  PRIORITY_CLASSES,
  SECRETS,
  SERVICE_ACCOUNTS,
} from './core.ts';
import { METADATA_FIELDS } from './field-selector.ts';
import { INTERRUPTION_POLICIES } from './interruptionpolicy.ts';
import type { KubeObject, ResourceType } from './meta.ts';
import { POD_CHECKPOINTS } from './podcheckpoint.ts';
import { POD_GROUPS } from './podgroup.ts';
import { POD_GROUP_CHECKPOINTS } from './podgroupcheckpoint.ts';
import {
  INTERRUPTION_POLICY_COLUMNS,
  POD_CHECKPOINT_COLUMNS,
  POD_GROUP_CHECKPOINT_COLUMNS,
} from './printing/checkpoint-columns.ts';
import type { PrinterColumn } from './printing/column.ts';
import { EVENT_COLUMNS } from './printing/event-columns.ts';
import { NODE_COLUMNS } from './printing/node-columns.ts';
import {
  CONFIG_MAP_COLUMNS,
  CUSTOM_RESOURCE_DEFINITION_COLUMNS,
  LEASE_COLUMNS,
  NAMESPACE_COLUMNS,
  POD_DISRUPTION_BUDGET_COLUMNS,
  POD_GROUP_COLUMNS,
  PRIORITY_CLASS_COLUMNS,
  SECRET_COLUMNS,
  SERVICE_ACCOUNT_COLUMNS,
} from './printing/object-columns.ts';
import { POD_COLUMNS } from './printing/pod-columns.ts';

/** Everything a server needs to know about a kind besides what it does with it. */
export interface KindDefinition<T extends KubeObject = KubeObject> {
  readonly type: ResourceType<T>;
  /** JSON Schema (TypeBox) of the whole object. Loaded when first read. */
  readonly schema: TSchema;
  readonly subresources: Subresources;
  /** Fields a field selector may name. */
  readonly selectableFields: readonly string[];
  /** As `kubectl get` prints it. */
  readonly columns: readonly PrinterColumn<T>[];
  readonly categories: readonly string[];
}

export interface Subresources {
  readonly status: boolean;
  readonly binding: boolean;
  readonly eviction: boolean;
  readonly log: boolean;
}

const NO_SUBRESOURCES: Subresources = { status: false, binding: false, eviction: false, log: false };
const STATUS: Subresources = { ...NO_SUBRESOURCES, status: true };
const POD_SUBRESOURCES: Subresources = { status: true, binding: true, eviction: true, log: true };

const load = createRequire(import.meta.url);
let schemas: Readonly<Record<string, TSchema>> | undefined;

/** TypeBox takes 100 ms to load; a command that validates nothing does not pay for it. */
function schemaOf(kind: string): TSchema {
  schemas ??= (load('./schemas/index.ts') as typeof import('./schemas/index.ts')).SCHEMAS;
  const schema = schemas[kind];
  if (schema === undefined) throw new Error(`kind ${kind} has no schema in src/model/schemas`);
  return schema;
}

function define<T extends KubeObject>(
  type: ResourceType<T>,
  columns: readonly PrinterColumn<T>[],
  rest: { subresources?: Subresources; fields?: readonly string[]; categories?: readonly string[] } = {},
): KindDefinition<T> {
  return {
    type,
    get schema() {
      return schemaOf(type.kind);
    },
    subresources: rest.subresources ?? NO_SUBRESOURCES,
    selectableFields: [...METADATA_FIELDS, ...(rest.fields ?? [])],
    columns,
    categories: rest.categories ?? [],
  };
}

const POD_FIELDS = [
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'spec.hostNetwork',
  'status.phase',
  'status.podIP',
  'status.nominatedNodeName',
];
const EVENT_FIELDS = [
  'involvedObject.kind',
  'involvedObject.namespace',
  'involvedObject.name',
  'involvedObject.uid',
  'involvedObject.apiVersion',
  'involvedObject.resourceVersion',
  'involvedObject.fieldPath',
  'reason',
  'reportingComponent',
  'type',
];

/** Every kind the project knows, the standard ones first. */
export const KINDS: readonly KindDefinition[] = [
  define(NAMESPACES, NAMESPACE_COLUMNS, { subresources: STATUS, fields: ['status.phase'] }),
  define(NODES, NODE_COLUMNS, { subresources: STATUS, fields: ['spec.unschedulable'] }),
  define(PODS, POD_COLUMNS, { subresources: POD_SUBRESOURCES, fields: POD_FIELDS, categories: ['all'] }),
  define(PRIORITY_CLASSES, PRIORITY_CLASS_COLUMNS),
  define(EVENTS, EVENT_COLUMNS, { fields: EVENT_FIELDS }),
  define(LEASES, LEASE_COLUMNS),
  define(CONFIG_MAPS, CONFIG_MAP_COLUMNS),
  define(SECRETS, SECRET_COLUMNS, { fields: ['type'] }),
  define(SERVICE_ACCOUNTS, SERVICE_ACCOUNT_COLUMNS),
  define(POD_DISRUPTION_BUDGETS, POD_DISRUPTION_BUDGET_COLUMNS, { subresources: STATUS }),
  define(CUSTOM_RESOURCE_DEFINITIONS, CUSTOM_RESOURCE_DEFINITION_COLUMNS, {
    subresources: STATUS,
    categories: ['api-extensions'],
  }),
  define(POD_CHECKPOINTS, POD_CHECKPOINT_COLUMNS, {
    subresources: STATUS,
    fields: ['spec.sourcePod.name', 'status.nodeName'],
    categories: ['fermata'],
  }),
  define(POD_GROUP_CHECKPOINTS, POD_GROUP_CHECKPOINT_COLUMNS, { subresources: STATUS, categories: ['fermata'] }),
  define(INTERRUPTION_POLICIES, INTERRUPTION_POLICY_COLUMNS, { categories: ['fermata'] }),
  define(POD_GROUPS, POD_GROUP_COLUMNS, { subresources: STATUS }),
];

/** What is known about a kind; undefined for kinds that only a CustomResourceDefinition describes. */
export function kindOf(type: Pick<ResourceType, 'group' | 'kind'>): KindDefinition | undefined {
  return KINDS.find(({ type: known }) => known.group === type.group && known.kind === type.kind);
}
