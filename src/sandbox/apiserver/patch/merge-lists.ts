/** How a list is merged by a strategic merge patch: objects by `key`; plain values (no key) as a set. */
export interface MergeList {
  key?: string;
  /** As OpenAPI says it; `retainKeys` tells clients to send `$retainKeys` for the items (unions such as volumes). */
  strategy: 'merge' | 'merge,retainKeys';
}

/**
 * The lists of the kinds served here that merge, by the name of their field: `patchMergeKey` and `patchStrategy` of the
 * Go types in k8s.io/api 1.35. Field names are unique enough there that no path is needed. All other lists are replaced.
 */
export const MERGE_LISTS: Readonly<Record<string, MergeList>> = {
  addresses: { key: 'type', strategy: 'merge' },
  conditions: { key: 'type', strategy: 'merge' },
  containers: { key: 'name', strategy: 'merge' },
  env: { key: 'name', strategy: 'merge' },
  ephemeralContainers: { key: 'name', strategy: 'merge' },
  finalizers: { strategy: 'merge' },
  hostAliases: { key: 'ip', strategy: 'merge' },
  hostIPs: { key: 'ip', strategy: 'merge' },
  imagePullSecrets: { key: 'name', strategy: 'merge' },
  initContainers: { key: 'name', strategy: 'merge' },
  ownerReferences: { key: 'uid', strategy: 'merge' },
  podCIDRs: { strategy: 'merge' },
  podIPs: { key: 'ip', strategy: 'merge' },
  ports: { key: 'containerPort', strategy: 'merge' },
  resourceClaims: { key: 'name', strategy: 'merge,retainKeys' },
  schedulingGates: { key: 'name', strategy: 'merge' },
  secrets: { key: 'name', strategy: 'merge' },
  topologySpreadConstraints: { key: 'topologyKey', strategy: 'merge' },
  volumeDevices: { key: 'devicePath', strategy: 'merge' },
  volumeMounts: { key: 'mountPath', strategy: 'merge' },
  volumes: { key: 'name', strategy: 'merge,retainKeys' },
};

/** How the list in the field of that name merges; undefined: it is replaced. */
export function mergeListOf(field: string): MergeList | undefined {
  return Object.hasOwn(MERGE_LISTS, field) ? MERGE_LISTS[field] : undefined;
}
