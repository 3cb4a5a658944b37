import type { Volume } from '../core.ts';
import type { FieldErrors } from './field-error.ts';
import { checkRange, checkRequired, checkUnique, configKey, dnsLabel } from './formats.ts';

const MODE_LIMIT = 0o777;

interface KeyToPath {
  key?: string;
  path?: string;
  mode?: number;
}

/** `ValidateVolumes`. */
export function checkVolumes(volumes: readonly Volume[] | undefined, field: string, errors: FieldErrors): void {
  for (const [index, volume] of (volumes ?? []).entries()) {
    const at = `${field}[${index}]`;
    checkRequired(errors, `${at}.name`, volume.name, dnsLabel);
    const sources = Object.keys(volume).filter((key) => key !== 'name');
    if (sources.length === 0) errors.required(at, 'must specify a volume type');
    for (const extra of sources.slice(1)) errors.forbidden(`${at}.${extra}`, 'may not specify more than 1 volume type');
    checkSource(volume, at, errors);
  }
  checkUnique(
    errors,
    volumes,
    (index) => `${field}[${index}].name`,
    ({ name }) => name,
  );
}

function checkSource(volume: Volume, field: string, errors: FieldErrors): void {
  const { hostPath, configMap, secret, downwardAPI, projected, persistentVolumeClaim } = volume;
  if (hostPath !== undefined) {
    checkRequired(errors, `${field}.hostPath.path`, hostPath.path);
    checkNoBacksteps(hostPath.path, `${field}.hostPath.path`, errors);
  }
  if (configMap !== undefined) {
    if (!configMap.name) errors.required(`${field}.configMap.name`);
    checkFiles(configMap, `${field}.configMap`, errors);
  }
  if (secret !== undefined) {
    if (!secret.secretName) errors.required(`${field}.secret.secretName`);
    checkFiles(secret, `${field}.secret`, errors);
  }
  if (persistentVolumeClaim !== undefined) {
    checkRequired(errors, `${field}.persistentVolumeClaim.claimName`, persistentVolumeClaim.claimName);
  }
  checkRange(errors, `${field}.downwardAPI.defaultMode`, downwardAPI?.defaultMode, 0, MODE_LIMIT);
  for (const [index, item] of (downwardAPI?.items ?? []).entries()) {
    const at = `${field}.downwardAPI.items[${index}]`;
    checkRelativePath(item.path, `${at}.path`, errors);
    if (item.fieldRef === undefined && item.resourceFieldRef === undefined) {
      errors.required(at, 'one of fieldRef and resourceFieldRef is required');
    }
  }
  checkRange(errors, `${field}.projected.defaultMode`, projected?.defaultMode, 0, MODE_LIMIT);
  for (const [index, source] of (projected?.sources ?? []).entries()) {
    const at = `${field}.projected.sources[${index}]`;
    const kinds = Object.keys(source);
    if (kinds.length === 0) errors.required(at, 'must specify a volume type');
    for (const extra of kinds.slice(1)) errors.forbidden(`${at}.${extra}`, 'may not specify more than 1 volume type');
    for (const kind of ['configMap', 'secret'] as const) {
      const named = source[kind];
      if (named === undefined) continue;
      if (!named.name) errors.required(`${at}.${kind}.name`);
      checkFiles(named, `${at}.${kind}`, errors);
    }
  }
}

function checkFiles(
  source: { defaultMode?: number; items?: readonly KeyToPath[] },
  field: string,
  errors: FieldErrors,
): void {
  checkRange(errors, `${field}.defaultMode`, source.defaultMode, 0, MODE_LIMIT);
  for (const [index, { key, path, mode }] of (source.items ?? []).entries()) {
    checkRequired(errors, `${field}.items[${index}].key`, key, configKey);
    checkRelativePath(path, `${field}.items[${index}].path`, errors);
    checkRange(errors, `${field}.items[${index}].mode`, mode, 0, MODE_LIMIT);
  }
}

/** A path that stays inside its volume. */
export function checkRelativePath(path: string | undefined, field: string, errors: FieldErrors): void {
  if (path === undefined) return;
  if (path === '') errors.required(field);
  if (path.startsWith('/')) errors.invalid(field, path, 'must be a relative path');
  checkNoBacksteps(path, field, errors);
}

function checkNoBacksteps(path: string | undefined, field: string, errors: FieldErrors): void {
  if (path?.split('/').includes('..')) errors.invalid(field, path, "must not contain '..'");
}
