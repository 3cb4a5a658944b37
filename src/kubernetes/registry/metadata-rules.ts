import { isLabelKey, isLabelValue, type KubeObject, type ObjectMeta } from '../../model/index.ts';
import type { FieldProblem } from './kinds.ts';

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const MAXIMUM_NAME_LENGTH = 253;
const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** What Kubernetes demands of the metadata of any object (`ValidateObjectMeta`). */
export function metadataProblems({ metadata }: KubeObject): FieldProblem[] {
  return [...nameProblems(metadata.name), ...labelProblems(metadata), ...ownerProblems(metadata)];
}

function nameProblems(name: string): FieldProblem[] {
  if (name === '') {
    return [
      {
        path: 'metadata.name',
        reason: 'FieldValueRequired',
        message: 'Required value: name or generateName is required',
      },
    ];
  }
  if (name.length > MAXIMUM_NAME_LENGTH) {
    return [invalidValue('metadata.name', name, `must be no more than ${MAXIMUM_NAME_LENGTH} characters`)];
  }
  return DNS_SUBDOMAIN.test(name) ? [] : [invalidValue('metadata.name', name, SUBDOMAIN_RULE)];
}

function labelProblems({ labels, annotations }: ObjectMeta): FieldProblem[] {
  const problems: FieldProblem[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (!isLabelKey(key)) problems.push(invalidValue('metadata.labels', key, 'is not a qualified name'));
    if (!isLabelValue(value)) {
      problems.push(
        invalidValue(
          'metadata.labels',
          value,
          "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
      );
    }
  }
  for (const key of Object.keys(annotations ?? {})) {
    if (!isLabelKey(key.toLowerCase())) {
      problems.push(invalidValue('metadata.annotations', key, 'is not a qualified name'));
    }
  }
  return problems;
}

function ownerProblems({ ownerReferences }: ObjectMeta): FieldProblem[] {
  return (ownerReferences ?? []).flatMap((owner, index) =>
    (['apiVersion', 'kind', 'name', 'uid'] as const)
      .filter((field) => !owner[field])
      .map((field) => ({
        path: `metadata.ownerReferences[${index}].${field}`,
        reason: 'FieldValueInvalid',
        message: `Invalid value: "": ${field} must not be empty`,
      })),
  );
}

export function invalidValue(path: string, value: unknown, why: string): FieldProblem {
  return { path, reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${why}` };
}

/** Finalizers can only be taken away once an object is being deleted. */
export function finalizerProblems(next: ObjectMeta, current: ObjectMeta): FieldProblem[] {
  if (current.deletionTimestamp === undefined || next.finalizers === current.finalizers) return [];
  const added = (next.finalizers ?? []).filter((finalizer) => !(current.finalizers ?? []).includes(finalizer));
  if (added.length === 0) return [];
  const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
  return [
    {
      path: 'metadata.finalizers',
      reason: 'FieldValueForbidden',
      message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
    },
  ];
}
