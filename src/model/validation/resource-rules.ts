import { compareQuantities, parseQuantity } from '../quantity.ts';
import type { ResourceList } from '../resources.ts';
import type { FieldErrors } from './field-error.ts';
import { qualifiedName } from './formats.ts';

const STANDARD = new Set(['cpu', 'memory', 'ephemeral-storage']);
const NANOS_PER_UNIT = 1_000_000_000n;

interface Requirements {
  readonly requests?: ResourceList;
  readonly limits?: ResourceList;
}

/** `ValidateResourceRequirements`, of a container or a whole pod. Quantities that cannot be read were reported before. */
export function checkRequirements(resources: Requirements | undefined, field: string, errors: FieldErrors): void {
  const { requests = {}, limits = {} } = resources ?? {};
  checkResourceList(limits, `${field}.limits`, errors);
  checkResourceList(requests, `${field}.requests`, errors);
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    if (!isReadable(request) || (limit !== undefined && !isReadable(limit))) continue;
    if (limit === undefined) {
      if (isExtended(name)) errors.required(`${field}.limits`, 'Limit must be set for non overcommitable resources');
      continue;
    }
    const order = compareQuantities(request, limit);
    if (isExtended(name) && order !== 0) {
      errors.invalid(`${field}.requests`, request, `must be equal to ${name} limit of ${limit}`);
    } else if (order > 0) {
      errors.invalid(`${field}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`);
    }
  }
}

/** Names and amounts of a resource list. */
export function checkResourceList(list: ResourceList | undefined, field: string, errors: FieldErrors): void {
  for (const [name, quantity] of Object.entries(list ?? {})) {
    const at = `${field}[${name}]`;
    checkResourceName(name, at, errors);
    if (!isReadable(quantity)) continue;
    const { nanos } = parseQuantity(quantity);
    if (nanos < 0n) errors.invalid(at, quantity, 'must be greater than or equal to 0');
    if (isExtended(name) && nanos % NANOS_PER_UNIT !== 0n) errors.invalid(at, quantity, 'must be an integer');
  }
}

function checkResourceName(name: string, field: string, errors: FieldErrors): void {
  const wrong = qualifiedName(name);
  for (const why of wrong) errors.invalid(field, name, why);
  if (wrong.length > 0 || name.includes('/') || isStandard(name)) return;
  errors.invalid(field, name, 'must be a standard resource type or fully qualified');
}

function isStandard(name: string): boolean {
  return STANDARD.has(name) || name.startsWith('hugepages-');
}

/** Anything outside Kubernetes' own names: devices; whole ones, never overcommitted. */
function isExtended(name: string): boolean {
  return name.includes('/') && !name.startsWith('kubernetes.io/') && !name.split('/')[0]?.endsWith('.kubernetes.io');
}

function isReadable(quantity: string | number): boolean {
  try {
    parseQuantity(quantity);
    return true;
  } catch {
    // The schema check has reported it with its field.
    return false;
  }
}
