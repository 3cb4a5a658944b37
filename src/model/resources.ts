import type { Container, Pod } from './core.ts';
import { bytesQuantity, milliQuantity, quantityMillis, quantityUnits } from './quantity.ts';

/**
 * Amounts by resource name, as plain numbers: `cpu` in millicores, `memory`, `ephemeral-storage`, `storage` and
 * `hugepages-*` in bytes, everything else in units. A name that is absent counts as 0.
 */
export type Resources = Readonly<Record<string, number>>;

/** `v1.ResourceList`: quantities by resource name. */
export type ResourceList = Readonly<Record<string, string | number>>;

export const NO_RESOURCES: Resources = Object.freeze({});

/** Reads a resource list. Throws `QuantityInvalid`. */
export function parseResources(list: ResourceList | undefined): Resources {
  if (list === undefined) return NO_RESOURCES;
  const amounts: Record<string, number> = {};
  for (const name in list) amounts[name] = parseAmount(name, list[name] ?? 0);
  return amounts;
}

/** One quantity in the unit its resource is counted in. Throws `QuantityInvalid`. */
export function parseAmount(name: string, quantity: string | number): number {
  return name === 'cpu' ? quantityMillis(quantity) : quantityUnits(quantity);
}

/** The amount as the canonical quantity of its resource: 1500 cpu → `1500m`, 2147483648 memory → `2Gi`. */
export function formatAmount(name: string, amount: number): string {
  if (name === 'cpu') return milliQuantity(amount);
  return countsBytes(name) ? bytesQuantity(amount) : String(amount);
}

/** Amounts as a resource list, names sorted. */
export function formatResources(amounts: Resources): Record<string, string> {
  return Object.fromEntries(resourceNames(amounts).map((name) => [name, formatAmount(name, amounts[name] ?? 0)]));
}

function countsBytes(name: string): boolean {
  return name === 'memory' || name.endsWith('storage') || name.startsWith('hugepages-');
}

/** The names that occur, sorted. */
function resourceNames(...all: readonly Resources[]): string[] {
  return [...new Set(all.flatMap((amounts) => Object.keys(amounts)))].sort();
}

export function addResources(one: Resources, other: Resources): Resources {
  const sum: Record<string, number> = { ...one };
  for (const name in other) sum[name] = (sum[name] ?? 0) + (other[name] ?? 0);
  return sum;
}

/** May go below zero: the caller sees by how much. */
export function subtractResources(one: Resources, other: Resources): Resources {
  const difference: Record<string, number> = { ...one };
  for (const name in other) difference[name] = (difference[name] ?? 0) - (other[name] ?? 0);
  return difference;
}

/** The larger amount of each. */
function maxResources(one: Resources, other: Resources): Resources {
  const larger: Record<string, number> = { ...one };
  for (const name in other) larger[name] = Math.max(larger[name] ?? 0, other[name] ?? 0);
  return larger;
}

/** Names of the resources of which `free` has less than asked, sorted; what is not asked for never lacks. */
export function insufficientResources(requests: Resources, free: Resources): string[] {
  const names: string[] = [];
  for (const name in requests) {
    const asked = requests[name] ?? 0;
    if (asked > 0 && asked > (free[name] ?? 0)) names.push(name);
  }
  return names.sort();
}

export function fits(requests: Resources, free: Resources): boolean {
  for (const name in requests) {
    const asked = requests[name] ?? 0;
    if (asked > 0 && asked > (free[name] ?? 0)) return false;
  }
  return true;
}

/**
 * What the pod takes on a node while it runs, as kube-scheduler counts it (KEP-753 for sidecars, KEP-2837 for pod-level
 * resources): the larger of all containers together and each step of the init containers, with the sidecars started so
 * far; then `overhead`; and 1 of `pods`. A missing request counts as its limit. While containers are resized in place
 * (KEP-1287), the largest of what is asked, allocated and in effect counts; of a resize that the node calls infeasible,
 * what is asked does not. Throws `QuantityInvalid`.
 *
 * @param defaults what a container without a request counts as, for scores
 */
export function podRequests(pod: Pick<Pod, 'spec' | 'status'>, defaults: Resources = NO_RESOURCES): Resources {
  const { spec } = pod;
  const podLevel = podLevelResources(pod);
  const statuses = containerStatuses(pod);
  const isInfeasible = isResizeInfeasible(pod);
  const byContainers = together(spec, (container) => {
    const status = statuses?.get(container.name);
    const own =
      status === undefined
        ? parseResources(requestsOf(container))
        : largestRequests(parseResources(requestsOf(container)), status, isInfeasible);
    return defaults === NO_RESOURCES ? own : { ...defaults, ...own };
  });
  const total: Record<string, number> = { ...byContainers };
  const limits = parseResources(podLevel.limits);
  for (const name in limits) {
    if (isPodLevelResource(name) && total[name] === undefined) total[name] = limits[name] ?? 0;
  }
  const requests = parseResources(podLevel.requests);
  for (const name in requests) if (isPodLevelResource(name)) total[name] = requests[name] ?? 0;
  return { ...addResources(total, parseResources(spec.overhead)), pods: 1 };
}

type Status = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

/** Statuses that tell of resources, by container: of containers and of sidecars. */
function containerStatuses({ spec, status }: Pick<Pod, 'spec' | 'status'>): ReadonlyMap<string, Status> | undefined {
  let statuses: Map<string, Status> | undefined;
  const note = (of: readonly Status[] | undefined, counts: (name: string) => boolean): void => {
    for (const each of of ?? []) {
      if (each.resources === undefined || !counts(each.name)) continue;
      statuses ??= new Map();
      statuses.set(each.name, each);
    }
  };
  note(status?.containerStatuses, () => true);
  note(status?.initContainerStatuses, (name) =>
    (spec.initContainers ?? []).some((container) => container.name === name && container.restartPolicy === 'Always'),
  );
  return statuses;
}

function largestRequests(
  asked: Resources,
  { resources, allocatedResources }: Status,
  isInfeasible: boolean,
): Resources {
  const held = maxResources(
    parseResources((resources as Requirements | undefined)?.requests),
    parseResources(allocatedResources as ResourceList | undefined),
  );
  return isInfeasible ? held : maxResources(asked, held);
}

function isResizeInfeasible({ status }: Pick<Pod, 'spec' | 'status'>): boolean {
  return (
    status?.resize === 'Infeasible' ||
    (status?.conditions ?? []).some(
      ({ type, status: holds, reason }) => type === 'PodResizePending' && holds === 'True' && reason === 'Infeasible',
    )
  );
}

/** What the pod may take at most; a resource without limit is absent. Counted like {@link podRequests}. */
export function podLimits(pod: Pick<Pod, 'spec'>): Resources {
  const total: Record<string, number> = {
    ...together(pod.spec, (container) => parseResources(resourcesOf(container).limits)),
  };
  const podLevel = parseResources(podLevelResources(pod).limits);
  for (const name in podLevel) if (isPodLevelResource(name)) total[name] = podLevel[name] ?? 0;
  const overhead = parseResources(pod.spec.overhead);
  for (const name in overhead) if (total[name]) total[name] = (total[name] ?? 0) + (overhead[name] ?? 0);
  return total;
}

interface Requirements {
  readonly requests?: ResourceList;
  readonly limits?: ResourceList;
}

/** `spec.resources` came with Kubernetes 1.32; the upstream types here are older. */
function podLevelResources(pod: Pick<Pod, 'spec'>): Requirements {
  return (pod.spec as { resources?: Requirements }).resources ?? {};
}

function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

function resourcesOf(container: Container): Requirements {
  return (container.resources ?? {}) as Requirements;
}

function requestsOf(container: Container): ResourceList | undefined {
  const { requests, limits } = resourcesOf(container);
  return limits === undefined ? requests : { ...limits, ...requests };
}

function together(spec: Pod['spec'], amountsOf: (container: Container) => Resources): Resources {
  let total = NO_RESOURCES;
  for (const container of spec.containers) total = addResources(total, amountsOf(container));
  let sidecars = NO_RESOURCES;
  let starting = NO_RESOURCES;
  for (const container of spec.initContainers ?? []) {
    const own = amountsOf(container);
    if (container.restartPolicy === 'Always') {
      total = addResources(total, own);
      sidecars = addResources(sidecars, own);
      starting = maxResources(starting, sidecars);
    } else {
      starting = maxResources(starting, addResources(own, sidecars));
    }
  }
  return maxResources(total, starting);
}
