import type { PodSpec } from '../core.ts';
import type { LabelSelector } from '../label-selector.ts';
import type { FieldErrors } from './field-error.ts';
import { checkFormat, checkRange, checkRequired, qualifiedName } from './formats.ts';
import { checkLabelSelector } from './metadata-rules.ts';

type Affinity = NonNullable<PodSpec['affinity']>;
type NodeTerm = NonNullable<
  NonNullable<Affinity['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>['nodeSelectorTerms'][number];
type PodAffinity = NonNullable<Affinity['podAffinity']>;
type PodTerm = NonNullable<PodAffinity['requiredDuringSchedulingIgnoredDuringExecution']>[number];

const HIGHEST_WEIGHT = 100;
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

/** `validateAffinity`. */
export function checkAffinity(affinity: PodSpec['affinity'], field: string, errors: FieldErrors): void {
  const node = affinity?.nodeAffinity;
  const at = `${field}.nodeAffinity`;
  const terms = node?.[REQUIRED]?.nodeSelectorTerms;
  if (terms?.length === 0) {
    errors.required(`${at}.${REQUIRED}.nodeSelectorTerms`, 'must have at least one node selector term');
  }
  for (const [index, term] of (terms ?? []).entries()) {
    checkNodeTerm(term, `${at}.${REQUIRED}.nodeSelectorTerms[${index}]`, errors);
  }
  for (const [index, { weight, preference }] of (node?.[PREFERRED] ?? []).entries()) {
    checkRange(errors, `${at}.${PREFERRED}[${index}].weight`, weight, 1, HIGHEST_WEIGHT);
    if (preference !== undefined) checkNodeTerm(preference, `${at}.${PREFERRED}[${index}].preference`, errors);
  }
  checkPodAffinity(affinity?.podAffinity, `${field}.podAffinity`, errors);
  checkPodAffinity(affinity?.podAntiAffinity, `${field}.podAntiAffinity`, errors);
}

function checkNodeTerm(term: NodeTerm, field: string, errors: FieldErrors): void {
  for (const part of ['matchExpressions', 'matchFields'] as const) {
    for (const [index, { key, operator, values = [] }] of (term[part] ?? []).entries()) {
      const at = `${field}.${part}[${index}]`;
      if (part === 'matchExpressions' && key !== undefined) checkFormat(errors, `${at}.key`, key, qualifiedName);
      if ((operator === 'In' || operator === 'NotIn') && values.length === 0) {
        errors.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
      }
      if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
        errors.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
      if ((operator === 'Gt' || operator === 'Lt') && values.length !== 1) {
        errors.required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'");
      }
    }
  }
}

function checkPodAffinity(affinity: PodAffinity | undefined, field: string, errors: FieldErrors): void {
  for (const [index, term] of (affinity?.[REQUIRED] ?? []).entries()) {
    checkPodTerm(term, `${field}.${REQUIRED}[${index}]`, errors);
  }
  for (const [index, { weight, podAffinityTerm }] of (affinity?.[PREFERRED] ?? []).entries()) {
    const at = `${field}.${PREFERRED}[${index}]`;
    checkRange(errors, `${at}.weight`, weight, 1, HIGHEST_WEIGHT);
    if (podAffinityTerm !== undefined) checkPodTerm(podAffinityTerm, `${at}.podAffinityTerm`, errors);
  }
}

function checkPodTerm(term: PodTerm, field: string, errors: FieldErrors): void {
  checkRequired(errors, `${field}.topologyKey`, term.topologyKey, qualifiedName);
  checkLabelSelector(term.labelSelector as LabelSelector | undefined, `${field}.labelSelector`, errors);
  checkLabelSelector(term.namespaceSelector as LabelSelector | undefined, `${field}.namespaceSelector`, errors);
}

/** `validateTopologySpreadConstraints`. */
export function checkSpreading(
  constraints: PodSpec['topologySpreadConstraints'],
  field: string,
  errors: FieldErrors,
): void {
  for (const [index, constraint] of (constraints ?? []).entries()) {
    const at = `${field}[${index}]`;
    checkRange(errors, `${at}.maxSkew`, constraint.maxSkew, 1);
    checkRange(errors, `${at}.minDomains`, constraint.minDomains, 1);
    checkRequired(errors, `${at}.topologyKey`, constraint.topologyKey, qualifiedName);
    checkLabelSelector(constraint.labelSelector as LabelSelector | undefined, `${at}.labelSelector`, errors);
  }
}
