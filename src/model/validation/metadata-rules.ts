import type { LabelSelector } from '../label-selector.ts';
import type { KubeObject, ObjectMeta, ResourceType } from '../meta.ts';
import type { FieldErrors } from './field-error.ts';
import { checkFormat, dnsLabel, dnsSubdomain, type Format, labelValue, qualifiedName } from './formats.ts';

const ANNOTATIONS_LIMIT_BYTES = 256 * 1024;
const OWNER_FIELDS = ['apiVersion', 'kind', 'name', 'uid'] as const;

/** What Kubernetes demands of the metadata of any object (`ValidateObjectMeta`). */
export function checkMetadata(type: Pick<ResourceType, 'kind'>, object: KubeObject, errors: FieldErrors): void {
  // A draft may lack any of it.
  const metadata: Partial<ObjectMeta> = object.metadata;
  const { name, generateName, namespace, labels, annotations, ownerReferences } = metadata;
  const nameFormat: Format = type.kind === 'Namespace' ? dnsLabel : dnsSubdomain;
  if (name !== undefined && name !== '') checkFormat(errors, 'metadata.name', name, nameFormat);
  else if (generateName === undefined || generateName === '') {
    errors.required('metadata.name', 'name or generateName is required');
  } else {
    // A dash or dot at the end is completed by the suffix.
    for (const why of nameFormat(`${generateName}x`)) errors.invalid('metadata.generateName', generateName, why);
  }
  if (namespace !== undefined && namespace !== '') checkFormat(errors, 'metadata.namespace', namespace, dnsLabel);
  checkLabels(labels, 'metadata.labels', errors);
  checkAnnotations(annotations, errors);
  for (const [index, owner] of (ownerReferences ?? []).entries()) {
    for (const part of OWNER_FIELDS) {
      if (owner[part] === '') errors.invalid(`metadata.ownerReferences[${index}].${part}`, '', 'must not be empty');
    }
  }
  const controllers = (ownerReferences ?? []).filter(({ controller }) => controller === true);
  if (controllers.length > 1) {
    errors.invalid(
      'metadata.ownerReferences',
      controllers,
      `Only one reference can have Controller set to true. Found "true" in references for ${controllers.map(({ kind, name: owner }) => `${kind}/${owner}`).join(' and ')}`,
    );
  }
}

export function checkLabels(
  labels: Readonly<Record<string, string>> | undefined,
  field: string,
  errors: FieldErrors,
): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    checkFormat(errors, field, key, qualifiedName);
    checkFormat(errors, field, value, labelValue);
  }
}

function checkAnnotations(annotations: Readonly<Record<string, string>> | undefined, errors: FieldErrors): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const why of qualifiedName(key.toLowerCase())) errors.invalid('metadata.annotations', key, why);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > ANNOTATIONS_LIMIT_BYTES) errors.tooLong('metadata.annotations', ANNOTATIONS_LIMIT_BYTES);
}

/** `ValidateLabelSelector`. */
export function checkLabelSelector(selector: LabelSelector | undefined, field: string, errors: FieldErrors): void {
  checkLabels(selector?.matchLabels, `${field}.matchLabels`, errors);
  for (const [index, { key, operator, values = [] }] of (selector?.matchExpressions ?? []).entries()) {
    const at = `${field}.matchExpressions[${index}]`;
    checkFormat(errors, `${at}.key`, key, qualifiedName);
    const takesValues = operator === 'In' || operator === 'NotIn';
    if (takesValues && values.length === 0) {
      errors.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    }
    if (!takesValues && values.length > 0) {
      errors.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    }
    for (const [position, value] of values.entries())
      checkFormat(errors, `${at}.values[${position}]`, value, labelValue);
  }
}
