import type {
  ConfigMap,
  CustomResourceDefinition,
  Lease,
  Namespace,
  PodDisruptionBudget,
  PriorityClass,
  Secret,
  ServiceAccount,
} from '../core.ts';
import type { PodGroup } from '../podgroup.ts';
import { AGE_COLUMN, column, NAME_COLUMN, type PrinterColumn } from './column.ts';

export const NAMESPACE_COLUMNS: readonly PrinterColumn<Namespace>[] = [
  NAME_COLUMN,
  column('Status', 'Active or Terminating.', ({ status }) => status?.phase ?? 'Active'),
  AGE_COLUMN,
];

export const PRIORITY_CLASS_COLUMNS: readonly PrinterColumn<PriorityClass>[] = [
  NAME_COLUMN,
  column('Value', 'Priority of its pods.', ({ value }) => value, { type: 'integer' }),
  column('Global-Default', 'Whether pods without a class get it.', ({ globalDefault }) => globalDefault ?? false, {
    type: 'boolean',
  }),
  AGE_COLUMN,
  column('PreemptionPolicy', 'What its pods may do to lower ones.', ({ preemptionPolicy }) =>
    String(preemptionPolicy ?? 'PreemptLowerPriority'),
  ),
];

export const LEASE_COLUMNS: readonly PrinterColumn<Lease>[] = [
  NAME_COLUMN,
  column('Holder', 'Who holds it.', ({ spec }) => spec?.holderIdentity ?? ''),
  AGE_COLUMN,
];

export const CONFIG_MAP_COLUMNS: readonly PrinterColumn<ConfigMap>[] = [
  NAME_COLUMN,
  column(
    'Data',
    'How many entries it has.',
    ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    { type: 'integer' },
  ),
  AGE_COLUMN,
];

export const SECRET_COLUMNS: readonly PrinterColumn<Secret>[] = [
  NAME_COLUMN,
  column('Type', 'What kind of secret it is.', ({ type }) => type ?? 'Opaque'),
  column('Data', 'How many entries it has.', ({ data }) => Object.keys(data ?? {}).length, { type: 'integer' }),
  AGE_COLUMN,
];

export const SERVICE_ACCOUNT_COLUMNS: readonly PrinterColumn<ServiceAccount>[] = [
  NAME_COLUMN,
  column('Secrets', 'How many secrets its pods may use.', ({ secrets }) => secrets?.length ?? 0, { type: 'integer' }),
  AGE_COLUMN,
];

export const POD_DISRUPTION_BUDGET_COLUMNS: readonly PrinterColumn<PodDisruptionBudget>[] = [
  NAME_COLUMN,
  column('Min Available', 'Pods that must stay.', ({ spec }) => String(spec?.minAvailable ?? 'N/A')),
  column('Max Unavailable', 'Pods that may be missing.', ({ spec }) => String(spec?.maxUnavailable ?? 'N/A')),
  column('Allowed Disruptions', 'Evictions it allows now.', ({ status }) => status?.disruptionsAllowed ?? 0, {
    type: 'integer',
  }),
  AGE_COLUMN,
];

export const POD_GROUP_COLUMNS: readonly PrinterColumn<PodGroup>[] = [
  NAME_COLUMN,
  column('Min Member', 'Pods that must run at once.', ({ spec }) => spec.minMember ?? 1, { type: 'integer' }),
  AGE_COLUMN,
];

export const CUSTOM_RESOURCE_DEFINITION_COLUMNS: readonly PrinterColumn<CustomResourceDefinition>[] = [
  NAME_COLUMN,
  column('Created At', 'When it was created.', ({ metadata }) => metadata.creationTimestamp, { type: 'date' }),
];
