import type { Pod, PodSpec, Toleration } from '../core.ts';
import { checkAffinity, checkSpreading } from './affinity-rules.ts';
import { checkContainers } from './container-rules.ts';
import type { FieldErrors } from './field-error.ts';
import {
  checkFormat,
  checkOptional,
  checkRange,
  checkRequired,
  checkUnique,
  dnsLabel,
  dnsSubdomain,
  ipAddress,
  labelValue,
  qualifiedName,
} from './formats.ts';
import { checkLabels } from './metadata-rules.ts';
import { checkRequirements, checkResourceList } from './resource-rules.ts';
import { checkVolumes } from './volume-rules.ts';

const MAXIMUM_INT32 = 2_147_483_647;

/** `ValidatePodSpec` of kube-apiserver, as far as one machine or the scheduler can meet it. */
export function checkPod({ spec }: Pod, errors: FieldErrors): void {
  if (spec === undefined) return;
  checkVolumes(spec.volumes, 'spec.volumes', errors);
  checkContainers(spec, 'spec', errors);
  checkRange(errors, 'spec.activeDeadlineSeconds', spec.activeDeadlineSeconds, 1, MAXIMUM_INT32);
  checkRange(errors, 'spec.terminationGracePeriodSeconds', spec.terminationGracePeriodSeconds, 0);
  checkLabels(spec.nodeSelector, 'spec.nodeSelector', errors);
  checkNames(spec, errors);
  checkTolerations(spec.tolerations, 'spec.tolerations', errors);
  checkGates(spec, errors);
  checkAffinity(spec.affinity, 'spec.affinity', errors);
  checkSpreading(spec.topologySpreadConstraints, 'spec.topologySpreadConstraints', errors);
  checkResourceList(spec.overhead, 'spec.overhead', errors);
  checkRequirements((spec as { resources?: object }).resources, 'spec.resources', errors);
  checkNetwork(spec, errors);
}

/** What is refused only when the pod is made. */
export function checkNewPod({ spec }: Pod, errors: FieldErrors): void {
  if ((spec?.ephemeralContainers ?? []).length > 0) {
    errors.forbidden('spec.ephemeralContainers', 'cannot be set on create');
  }
  if (spec?.nodeName && (spec.schedulingGates ?? []).length > 0) {
    errors.forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared');
  }
}

function checkNames(spec: PodSpec, errors: FieldErrors): void {
  checkOptional(errors, 'spec.nodeName', spec.nodeName, dnsSubdomain);
  checkOptional(errors, 'spec.serviceAccountName', spec.serviceAccountName, dnsSubdomain);
  checkOptional(errors, 'spec.priorityClassName', spec.priorityClassName, dnsSubdomain);
  checkOptional(errors, 'spec.runtimeClassName', spec.runtimeClassName, dnsSubdomain);
  checkOptional(errors, 'spec.schedulerName', spec.schedulerName, dnsSubdomain);
  checkOptional(errors, 'spec.hostname', spec.hostname, dnsLabel);
  checkOptional(errors, 'spec.subdomain', spec.subdomain, dnsLabel);
}

function checkTolerations(tolerations: readonly Toleration[] | undefined, field: string, errors: FieldErrors): void {
  for (const [index, { key = '', operator = 'Equal', value = '', effect, tolerationSeconds }] of (
    tolerations ?? []
  ).entries()) {
    const at = `${field}[${index}]`;
    checkOptional(errors, `${at}.key`, key, qualifiedName);
    if (key === '' && operator !== 'Exists') {
      errors.invalid(
        `${at}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      );
    }
    if (operator === 'Exists' && value !== '') {
      errors.invalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'");
    }
    if (operator === 'Equal') for (const why of labelValue(value)) errors.invalid(`${at}.operator`, value, why);
    if ((operator === 'Gt' || operator === 'Lt') && !/^-?[0-9]+$/.test(value)) {
      errors.invalid(`${at}.value`, value, `must be an integer when operator is '${operator}'`);
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.invalid(`${at}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
  }
}

function checkGates({ schedulingGates, readinessGates }: PodSpec, errors: FieldErrors): void {
  for (const [index, { name }] of (schedulingGates ?? []).entries()) {
    checkRequired(errors, `spec.schedulingGates[${index}].name`, name, qualifiedName);
  }
  checkUnique(
    errors,
    schedulingGates,
    (index) => `spec.schedulingGates[${index}]`,
    ({ name }) => name,
  );
  for (const [index, { conditionType }] of (readinessGates ?? []).entries()) {
    checkRequired(errors, `spec.readinessGates[${index}].conditionType`, conditionType, qualifiedName);
  }
}

function checkNetwork({ hostAliases, dnsPolicy, dnsConfig, imagePullSecrets }: PodSpec, errors: FieldErrors): void {
  for (const [index, { ip, hostnames }] of (hostAliases ?? []).entries()) {
    if (ip !== undefined) checkFormat(errors, `spec.hostAliases[${index}].ip`, ip, ipAddress);
    for (const [position, hostname] of (hostnames ?? []).entries()) {
      checkFormat(errors, `spec.hostAliases[${index}].hostnames[${position}]`, hostname, dnsSubdomain);
    }
  }
  const nameservers = dnsConfig?.nameservers ?? [];
  if (dnsPolicy === 'None' && nameservers.length === 0) {
    errors.required('spec.dnsConfig.nameservers', 'must provide at least one DNS nameserver when `dnsPolicy` is None');
  }
  for (const [index, server] of nameservers.entries()) {
    checkFormat(errors, `spec.dnsConfig.nameservers[${index}]`, server, ipAddress);
  }
  for (const [index, { name }] of (imagePullSecrets ?? []).entries()) {
    if (!name) errors.required(`spec.imagePullSecrets[${index}].name`);
  }
}
