import type { Container, PodSpec } from '../core.ts';
import type { FieldErrors } from './field-error.ts';
import {
  checkOptional,
  checkRange,
  checkRequired,
  checkUnique,
  dnsLabel,
  environmentName,
  portName,
} from './formats.ts';
import { checkHandler, checkProbes } from './probe-rules.ts';
import { checkRequirements } from './resource-rules.ts';
import { checkRelativePath } from './volume-rules.ts';

const HIGHEST_PORT = 65_535;
const ENVIRONMENT_SOURCES = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'] as const;

/** All containers of a pod (`validateContainers`, `validateInitContainers`). */
export function checkContainers(spec: PodSpec, field: string, errors: FieldErrors): void {
  const { containers, initContainers } = spec;
  if (containers !== undefined && containers.length === 0) errors.required(`${field}.containers`);
  const volumes = new Set((spec.volumes ?? []).map(({ name }) => name));
  for (const [index, container] of (initContainers ?? []).entries()) {
    checkContainer(container, `${field}.initContainers[${index}]`, volumes, errors);
    checkInitContainer(container, `${field}.initContainers[${index}]`, errors);
  }
  for (const [index, container] of (containers ?? []).entries()) {
    const at = `${field}.containers[${index}]`;
    checkContainer(container, at, volumes, errors);
    if (container.restartPolicy) errors.forbidden(`${at}.restartPolicy`, 'may not be set for non-init containers');
    checkProbes(container, at, errors);
  }
  const all = [
    ...(initContainers ?? []).map(({ name }, index) => ({ name, at: `${field}.initContainers[${index}].name` })),
    ...(containers ?? []).map(({ name }, index) => ({ name, at: `${field}.containers[${index}].name` })),
  ];
  checkUnique(
    errors,
    all,
    (index) => all[index]?.at ?? field,
    ({ name }) => name,
  );
  checkHostPorts(spec, field, errors);
}

function checkContainer(container: Container, field: string, volumes: ReadonlySet<string>, errors: FieldErrors): void {
  const { image } = container;
  checkRequired(errors, `${field}.name`, container.name, dnsLabel);
  if (image === undefined || image === '') errors.required(`${field}.image`);
  else if (image.trim() !== image) {
    errors.invalid(`${field}.image`, image, 'must not have leading or trailing whitespace');
  }
  checkPorts(container, field, errors);
  checkEnvironment(container, field, errors);
  checkMounts(container, field, volumes, errors);
  checkRequirements(container.resources, `${field}.resources`, errors);
  checkHandler(container.lifecycle?.postStart, `${field}.lifecycle.postStart`, errors);
  checkHandler(container.lifecycle?.preStop, `${field}.lifecycle.preStop`, errors);
  checkRange(errors, `${field}.securityContext.runAsUser`, container.securityContext?.runAsUser, 0, 2 ** 31 - 1);
  checkRange(errors, `${field}.securityContext.runAsGroup`, container.securityContext?.runAsGroup, 0, 2 ** 31 - 1);
}

function checkInitContainer(container: Container, field: string, errors: FieldErrors): void {
  const { restartPolicy } = container;
  if (restartPolicy === 'Always') {
    checkProbes(container, field, errors);
    return;
  }
  if (restartPolicy) errors.notSupported(`${field}.restartPolicy`, restartPolicy, ['Always']);
  for (const part of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    if (container[part] !== undefined) {
      errors.forbidden(`${field}.${part}`, 'may not be set for init containers without restartPolicy=Always');
    }
  }
}

function checkPorts({ ports }: Container, field: string, errors: FieldErrors): void {
  for (const [index, port] of (ports ?? []).entries()) {
    const at = `${field}.ports[${index}]`;
    checkOptional(errors, `${at}.name`, port.name, portName);
    checkRange(errors, `${at}.containerPort`, port.containerPort, 1, HIGHEST_PORT);
    if (port.hostPort !== 0) checkRange(errors, `${at}.hostPort`, port.hostPort, 1, HIGHEST_PORT);
  }
  checkUnique(
    errors,
    ports,
    (index) => `${field}.ports[${index}].name`,
    ({ name }) => name,
  );
}

function checkHostPorts({ containers, hostNetwork }: PodSpec, field: string, errors: FieldErrors): void {
  const taken = new Set<string>();
  for (const [position, { ports }] of (containers ?? []).entries()) {
    for (const [index, { hostPort, containerPort, hostIP = '', protocol = 'TCP' }] of (ports ?? []).entries()) {
      const at = `${field}.containers[${position}].ports[${index}]`;
      if (!hostPort) continue;
      if (hostNetwork === true && hostPort !== containerPort) {
        errors.invalid(`${at}.containerPort`, containerPort, 'must match `hostPort` when `hostNetwork` is true');
      }
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (taken.has(key)) errors.duplicate(`${at}.hostPort`, key);
      taken.add(key);
    }
  }
}

function checkEnvironment({ env, envFrom }: Container, field: string, errors: FieldErrors): void {
  for (const [index, { name, value, valueFrom }] of (env ?? []).entries()) {
    const at = `${field}.env[${index}]`;
    checkRequired(errors, `${at}.name`, name, environmentName);
    if (valueFrom === undefined) continue;
    const sources = ENVIRONMENT_SOURCES.filter((source) => source in valueFrom);
    if (sources.length === 0) {
      errors.invalid(
        `${at}.valueFrom`,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
      );
    }
    if (sources.length > 1) {
      errors.invalid(`${at}.valueFrom`, '', 'may not have more than one field specified at a time');
    }
    if (value) errors.invalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty');
    for (const source of ['configMapKeyRef', 'secretKeyRef'] as const) {
      const reference = valueFrom[source];
      if (reference === undefined) continue;
      if (!reference.name) errors.required(`${at}.valueFrom.${source}.name`);
      checkRequired(errors, `${at}.valueFrom.${source}.key`, reference.key);
    }
  }
  for (const [index, { prefix, configMapRef, secretRef }] of (envFrom ?? []).entries()) {
    const at = `${field}.envFrom[${index}]`;
    checkOptional(errors, `${at}.prefix`, prefix, environmentName);
    if ((configMapRef === undefined) === (secretRef === undefined)) {
      errors.invalid(
        at,
        '',
        configMapRef === undefined
          ? 'must specify one of: `configMapRef` or `secretRef`'
          : 'may not have more than one field specified at a time',
      );
    }
    if (configMapRef !== undefined && !configMapRef.name) errors.required(`${at}.configMapRef.name`);
    if (secretRef !== undefined && !secretRef.name) errors.required(`${at}.secretRef.name`);
  }
}

function checkMounts(
  { volumeMounts }: Container,
  field: string,
  volumes: ReadonlySet<string>,
  errors: FieldErrors,
): void {
  const paths = new Set<string>();
  for (const [index, mount] of (volumeMounts ?? []).entries()) {
    const at = `${field}.volumeMounts[${index}]`;
    checkRequired(errors, `${at}.name`, mount.name);
    if (mount.name && !volumes.has(mount.name)) errors.notFound(`${at}.name`, mount.name);
    checkRequired(errors, `${at}.mountPath`, mount.mountPath);
    if (mount.mountPath && paths.has(mount.mountPath)) {
      errors.invalid(`${at}.mountPath`, mount.mountPath, 'must be unique');
    }
    paths.add(mount.mountPath);
    if (mount.subPath) checkRelativePath(mount.subPath, `${at}.subPath`, errors);
    if (mount.subPath && mount.subPathExpr) {
      errors.invalid(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive');
    }
  }
}
