import type {
  ConfigMap,
  CustomResourceDefinition,
  Lease,
  Node,
  PodDisruptionBudget,
  PriorityClass,
  Secret,
} from '../core.ts';
import type { InterruptionPolicy } from '../interruptionpolicy.ts';
import type { LabelSelector } from '../label-selector.ts';
import { CHECKPOINT_LOWER_PRIORITY, PREEMPTION_POLICY_ANNOTATION } from '../marks.ts';
import type { PodCheckpoint } from '../podcheckpoint.ts';
import type { PodGroupCheckpoint } from '../podgroupcheckpoint.ts';
import type { FieldErrors } from './field-error.ts';
import {
  base64,
  checkFormat,
  checkRange,
  checkRequired,
  checkUnique,
  configKey,
  dnsLabel,
  dnsSubdomain,
  labelValue,
  qualifiedName,
} from './formats.ts';
import { checkLabelSelector } from './metadata-rules.ts';

/** Highest priority that users may give (`HighestUserDefinablePriority`); above are only the two of the system. */
export const HIGHEST_USER_PRIORITY = 1_000_000_000;
/** `scheduling.SystemPriorityClasses`. */
export const SYSTEM_PRIORITIES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};
const SYSTEM_PREFIX = 'system-';
/** `core.MaxSecretSize`, for ConfigMaps too. */
const DATA_LIMIT_BYTES = 1024 * 1024;

/** `ValidatePriorityClass`, and the annotation that stands for the policy an unpatched server refuses. */
export function checkPriorityClass({ metadata, value }: PriorityClass, errors: FieldErrors): void {
  const { name = '', annotations } = metadata;
  if (name.startsWith(SYSTEM_PREFIX)) {
    if (SYSTEM_PRIORITIES[name] !== value) {
      errors.forbidden(
        'metadata.name',
        `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${name} is not a known system priority class`,
      );
    }
  } else if (value > HIGHEST_USER_PRIORITY) {
    errors.forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`);
  }
  const policy = annotations?.[PREEMPTION_POLICY_ANNOTATION];
  if (policy !== undefined && policy !== CHECKPOINT_LOWER_PRIORITY) {
    errors.notSupported(`metadata.annotations[${PREEMPTION_POLICY_ANNOTATION}]`, policy, [CHECKPOINT_LOWER_PRIORITY]);
  }
}

/** `ValidatePodDisruptionBudgetSpec`. */
export function checkPodDisruptionBudget({ spec }: PodDisruptionBudget, errors: FieldErrors): void {
  const { minAvailable, maxUnavailable, selector } = spec ?? {};
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set');
  }
  checkCountOrPercentage(minAvailable, 'spec.minAvailable', errors);
  checkCountOrPercentage(maxUnavailable, 'spec.maxUnavailable', errors);
  checkLabelSelector(selector as LabelSelector | undefined, 'spec.selector', errors);
}

function checkCountOrPercentage(value: number | string | undefined, field: string, errors: FieldErrors): void {
  if (typeof value === 'number') checkRange(errors, field, value, 0);
  if (typeof value !== 'string') return;
  const percent = /^([0-9]+)%$/.exec(value)?.[1];
  if (percent === undefined) {
    errors.invalid(
      field,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    );
  } else if (Number(percent) > 100) {
    errors.invalid(field, value, 'must not be greater than 100%');
  }
}

/** `ValidateConfigMap`. */
export function checkConfigMap({ data = {}, binaryData = {} }: ConfigMap, errors: FieldErrors): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    checkFormat(errors, `data[${key}]`, key, configKey);
    if (Object.hasOwn(binaryData, key)) errors.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData');
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    checkFormat(errors, `binaryData[${key}]`, key, configKey);
    checkFormat(errors, `binaryData[${key}]`, value, base64);
    bytes += Math.ceil((value.length * 3) / 4);
  }
  if (bytes > DATA_LIMIT_BYTES) errors.tooLong('', DATA_LIMIT_BYTES);
}

/** `ValidateSecret`; values are not shown. */
export function checkSecret({ data = {}, type }: Secret, errors: FieldErrors): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    checkFormat(errors, `data[${key}]`, key, configKey);
    for (const why of base64(value)) errors.invalid(`data[${key}]`, '<secret contents redacted>', why);
    bytes += Math.ceil((value.length * 3) / 4);
  }
  if (bytes > DATA_LIMIT_BYTES) errors.tooLong('data', DATA_LIMIT_BYTES);
  if (type === 'kubernetes.io/dockerconfigjson' && !Object.hasOwn(data, '.dockerconfigjson')) {
    errors.required('data[.dockerconfigjson]');
  }
  if (type === 'kubernetes.io/tls') {
    for (const key of ['tls.crt', 'tls.key']) if (!Object.hasOwn(data, key)) errors.required(`data[${key}]`);
  }
}

/** `ValidateNode`: its taints. */
export function checkNode({ spec }: Node, errors: FieldErrors): void {
  for (const [index, { key, value, effect }] of (spec?.taints ?? []).entries()) {
    const at = `spec.taints[${index}]`;
    checkRequired(errors, `${at}.key`, key, qualifiedName);
    for (const why of labelValue(value ?? '')) errors.invalid(`${at}.value`, value, why);
    if (effect === '') errors.required(`${at}.effect`);
  }
  checkUnique(
    errors,
    spec?.taints,
    (index) => `spec.taints[${index}]`,
    ({ key, effect }) => `${key}:${effect}`,
  );
}

/** `ValidateLeaseSpec`. */
export function checkLease({ spec }: Lease, errors: FieldErrors): void {
  const { leaseDurationSeconds, leaseTransitions } = spec ?? {};
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0');
  }
  checkRange(errors, 'spec.leaseTransitions', leaseTransitions, 0);
}

/** `ValidateCustomResourceDefinition`, without what CEL rules and conversions need. */
export function checkCustomResourceDefinition({ metadata, spec }: CustomResourceDefinition, errors: FieldErrors): void {
  const { group, names, versions = [] } = spec ?? {};
  if (group === undefined || names === undefined) return;
  const wanted = `${names.plural}.${group}`;
  if (metadata.name !== wanted) {
    errors.invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group');
  }
  checkRequired(errors, 'spec.group', group, dnsSubdomain);
  if (group !== '' && !group.includes('.')) {
    errors.invalid('spec.group', group, 'should be a domain with at least one dot');
  }
  checkRequired(errors, 'spec.names.plural', names.plural, dnsLabel);
  checkRequired(errors, 'spec.names.kind', names.kind, (kind) => dnsLabel(kind.toLowerCase()));
  for (const [index, { name, schema }] of versions.entries()) {
    const at = `spec.versions[${index}]`;
    checkRequired(errors, `${at}.name`, name, dnsLabel);
    const content = schema?.openAPIV3Schema;
    if (content === undefined) errors.required(`${at}.schema.openAPIV3Schema`, 'schemas are required');
    else if (content.type === undefined)
      errors.required(`${at}.schema.openAPIV3Schema.type`, 'must not be empty at the root');
    else if (content.type !== 'object') {
      errors.invalid(`${at}.schema.openAPIV3Schema.type`, content.type, 'must be object at the root');
    }
  }
  checkUnique(
    errors,
    versions,
    (index) => `spec.versions[${index}].name`,
    ({ name }) => name,
  );
  if (versions.filter(({ storage }) => storage === true).length !== 1) {
    errors.invalid('spec.versions', versions, 'must have exactly one version marked as storage version');
  }
}

export function checkPodCheckpoint({ spec }: PodCheckpoint, errors: FieldErrors): void {
  const { sourcePod, preemptor } = spec ?? {};
  if (sourcePod?.name) checkFormat(errors, 'spec.sourcePod.name', sourcePod.name, dnsSubdomain);
  if (preemptor === undefined) return;
  checkRequired(errors, 'spec.preemptor.namespace', preemptor.namespace, dnsLabel);
  checkRequired(errors, 'spec.preemptor.name', preemptor.name, dnsSubdomain);
}

export function checkPodGroupCheckpoint({ spec }: PodGroupCheckpoint, errors: FieldErrors): void {
  checkLabelSelector(spec?.selector, 'spec.selector', errors);
  const { matchLabels = {}, matchExpressions = [] } = spec?.selector ?? {};
  // Every pod of a namespace is no application.
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) errors.required('spec.selector');
}

export function checkInterruptionPolicy({ spec }: InterruptionPolicy, errors: FieldErrors): void {
  checkLabelSelector(spec?.selector, 'spec.selector', errors);
  if (spec?.maxCheckpointSize?.startsWith('-')) {
    errors.invalid('spec.maxCheckpointSize', spec.maxCheckpointSize, 'must be greater than or equal to 0');
  }
}
