import type {
  ConfigMap,
  Container,
  CustomResourceDefinition,
  Pod,
  PriorityClass,
  Secret,
  Toleration,
} from '../core.ts';
import { SPEC_IMMUTABLE } from '../marks.ts';
import type { KubeObject } from '../meta.ts';
import type { PodCheckpoint } from '../podcheckpoint.ts';
import type { PodGroupCheckpoint } from '../podgroupcheckpoint.ts';
import type { FieldErrors } from './field-error.ts';
import { checkRequired } from './formats.ts';
import { jsonCopy } from './json-copy.ts';
import { applyPodDefaults } from './pod-defaults.ts';
import { differences, isSame } from './sameness.ts';

const IMMUTABLE = 'field is immutable';
const MAY_CHANGE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** `ValidateObjectMetaUpdate`, as far as the server does not set the fields itself. */
export function checkMetadataUpdate(old: KubeObject, next: KubeObject, errors: FieldErrors): void {
  for (const part of ['name', 'namespace', 'uid', 'creationTimestamp'] as const) {
    const [before, after] = [old.metadata[part], next.metadata[part]];
    if (after !== undefined && before !== undefined && after !== before) {
      errors.invalid(`metadata.${part}`, after, IMMUTABLE);
    }
  }
}

/** `ValidatePodUpdate`: what of a running pod may still change. */
export function checkPodUpdate(before: Pod, after: Pod, errors: FieldErrors): void {
  if (isSame(before.spec, after.spec)) return;
  // Admission fills in fields from which further defaults follow; they are no change.
  const [old, next] = [completed(before), completed(after)];
  for (const list of ['containers', 'initContainers'] as const) {
    const [containers, changed] = [old.spec[list] ?? [], next.spec[list] ?? []];
    if (containers.length !== changed.length) {
      errors.forbidden(`spec.${list}`, 'pod updates may not add or remove containers');
      return;
    }
    for (const [index, { image }] of changed.entries()) checkRequired(errors, `spec.${list}[${index}].image`, image);
  }
  if (errors.list.length > 0) return;
  const allowed: Pod['spec'] = {
    ...next.spec,
    containers: withImagesOf(old.spec.containers, next.spec.containers),
    ...(next.spec.initContainers === undefined
      ? {}
      : { initContainers: withImagesOf(old.spec.initContainers ?? [], next.spec.initContainers) }),
  };
  restoreAllowed(allowed, old, next, errors);
  const changed = differences(old.spec, allowed, 'spec');
  if (changed.length > 0) errors.forbidden('spec', `${MAY_CHANGE}; changed: ${changed.join(', ')}`);
}

function completed(pod: Pod): Pod {
  const spec = jsonCopy(pod.spec);
  applyPodDefaults(spec);
  return { ...pod, spec };
}

function withImagesOf(before: readonly Container[], after: readonly Container[]): Container[] {
  return after.map((container, index) => ({ ...container, image: before[index]?.image as string }));
}

/** Checks each field that may change by its own rule, and takes its change out of the comparison. */
function restoreAllowed(allowed: Pod['spec'], old: Pod, next: Pod, errors: FieldErrors): void {
  take(allowed, old.spec, 'activeDeadlineSeconds');
  const [deadline, newDeadline] = [old.spec.activeDeadlineSeconds, next.spec.activeDeadlineSeconds];
  if (deadline !== undefined && (newDeadline === undefined || newDeadline > deadline)) {
    errors.invalid(
      'spec.activeDeadlineSeconds',
      newDeadline ?? '',
      newDeadline === undefined
        ? 'must not update from a positive integer to nil value'
        : `must be less than or equal to previous value`,
    );
  }
  if ((old.spec.terminationGracePeriodSeconds ?? 0) < 0 && next.spec.terminationGracePeriodSeconds === 1) {
    take(allowed, old.spec, 'terminationGracePeriodSeconds');
  }
  take(allowed, old.spec, 'tolerations');
  checkTolerationAdditions(old.spec.tolerations ?? [], next.spec.tolerations ?? [], errors);
  take(allowed, old.spec, 'schedulingGates');
  const gates = new Set((old.spec.schedulingGates ?? []).map(({ name }) => name));
  for (const { name } of next.spec.schedulingGates ?? []) {
    if (!gates.has(name)) {
      errors.forbidden('spec.schedulingGates', `only deletion is allowed, but found new scheduling gate '${name}'`);
    }
  }
  // A gated pod may still be told where to go (KEP-3838); additions only, so that it gets no easier to place.
  if (gates.size > 0 && extendsMap(old.spec.nodeSelector, next.spec.nodeSelector))
    take(allowed, old.spec, 'nodeSelector');
}

function take<K extends keyof Pod['spec']>(target: Pod['spec'], source: Pod['spec'], name: K): void {
  if (source[name] === undefined) delete target[name];
  else target[name] = source[name];
}

function extendsMap(old: Record<string, string> = {}, next: Record<string, string> = {}): boolean {
  return Object.entries(old).every(([key, value]) => next[key] === value);
}

function checkTolerationAdditions(old: readonly Toleration[], next: readonly Toleration[], errors: FieldErrors): void {
  const without = ({ tolerationSeconds: _seconds, ...rest }: Toleration) => rest;
  for (const toleration of old) {
    if (!next.some((other) => isSame(without(other), without(toleration)))) {
      errors.forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds');
      return;
    }
  }
}

/** `ValidatePriorityClassUpdate`. */
export function checkPriorityClassUpdate(old: PriorityClass, next: PriorityClass, errors: FieldErrors): void {
  if (old.value !== next.value) errors.forbidden('value', 'may not be changed in an update.');
  if (old.preemptionPolicy !== next.preemptionPolicy) {
    errors.invalid('preemptionPolicy', next.preemptionPolicy, IMMUTABLE);
  }
}

/** `ValidateConfigMapUpdate` and `ValidateSecretUpdate`. */
export function checkDataUpdate(old: ConfigMap | Secret, next: ConfigMap | Secret, errors: FieldErrors): void {
  if ('type' in old && old.type !== (next as Secret).type) errors.invalid('type', (next as Secret).type, IMMUTABLE);
  if (old.immutable !== true) return;
  const detail = 'field is immutable when `immutable` is set';
  if (next.immutable !== true) errors.forbidden('immutable', detail);
  for (const part of ['data', 'binaryData'] as const) {
    const [before, after] = [(old as ConfigMap)[part] ?? {}, (next as ConfigMap)[part] ?? {}];
    if (!isSame(before, after)) errors.forbidden(part, detail);
  }
}

/** The names of a kind stay while its objects exist. */
export function checkDefinitionUpdate(
  old: CustomResourceDefinition,
  next: CustomResourceDefinition,
  errors: FieldErrors,
): void {
  if (old.spec.group !== next.spec.group) errors.invalid('spec.group', next.spec.group, IMMUTABLE);
  if (old.spec.scope !== next.spec.scope) errors.invalid('spec.scope', next.spec.scope, IMMUTABLE);
  for (const part of ['kind', 'plural'] as const) {
    const name = next.spec.names[part];
    if (old.spec.names[part] !== name) errors.invalid(`spec.names.${part}`, name, IMMUTABLE);
  }
}

/** A checkpoint is asked for once; changing what was asked for would make its record a lie. */
export function checkPodCheckpointUpdate(old: PodCheckpoint, next: PodCheckpoint, errors: FieldErrors): void {
  if (!isSame(old.spec, next.spec)) errors.invalid('spec', next.spec, SPEC_IMMUTABLE);
}

/** The decision is what members act on, each in its own time: it must be the same for all of them. */
export function checkPodGroupCheckpointUpdate(
  old: PodGroupCheckpoint,
  next: PodGroupCheckpoint,
  errors: FieldErrors,
): void {
  if (!isSame(old.spec, next.spec)) errors.invalid('spec', next.spec, SPEC_IMMUTABLE);
  const decision = old.status?.decision;
  if (decision !== undefined && !isSame(decision, next.status?.decision)) {
    errors.invalid('status.decision', next.status?.decision, 'a decision is taken once');
  }
  const before = old.status?.restoration;
  const now = next.status?.restoration;
  if (before === undefined || isSame(before, now)) return;
  if (before.verdict !== undefined) errors.invalid('status.restoration', now, 'a decision is taken once');
  else if ((now?.round ?? 0) < before.round)
    errors.invalid('status.restoration', now, 'a round that was given up is over');
}
