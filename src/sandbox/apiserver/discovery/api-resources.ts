import type { Kind, Registry } from '../../../kubernetes/index.ts';
import { apiVersionOf, type ResourceType } from '../../../model/index.ts';
import { REVIEWS } from '../resources/self-reviews.ts';
import { VIEWS } from '../resources/served-resource.ts';

/** One path that is served, in the words of discovery (`metav1.APIResource`). */
export interface ApiResource {
  /** With its subresource, e.g. `pods/log`. */
  name: string;
  singularName: string;
  namespaced: boolean;
  kind: string;
  verbs: string[];
  shortNames?: readonly string[];
  categories?: readonly string[];
  /** Of the kind, where it differs from the path's. */
  group?: string;
  version?: string;
}

export interface GroupVersion {
  group: string;
  version: string;
  resources: ApiResource[];
}

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const SUBRESOURCES: Readonly<Record<string, { verbs: string[]; kind?: string; group?: string; version?: string }>> = {
  status: { verbs: ['get', 'patch', 'update'] },
  log: { verbs: ['get'] },
  binding: { verbs: ['create'], kind: 'Binding' },
  eviction: { verbs: ['create'], kind: 'Eviction', group: 'policy', version: 'v1' },
};

/** Everything served just now by group and version, the core group first, versions of a group in the order served. */
export function servedGroupVersions(registry: Registry): GroupVersion[] {
  const found = new Map<string, GroupVersion>();
  const at = ({ group, version }: Pick<ResourceType, 'group' | 'version'>): ApiResource[] => {
    const id = apiVersionOf({ group, version });
    const known = found.get(id) ?? { group, version, resources: [] };
    found.set(id, known);
    return known.resources;
  };
  for (const kind of registry.kinds.list()) at(kind.type).push(...resourcesOf(kind));
  at({ group: '', version: 'v1' }).push({
    name: 'bindings',
    singularName: 'binding',
    namespaced: true,
    kind: 'Binding',
    verbs: ['create'],
  });
  for (const view of VIEWS) {
    const kind = registry.kinds.find(view.stored.group, view.stored.version, view.stored.plural);
    if (kind !== undefined) at(view).push(...resourcesOf(kind));
  }
  for (const review of REVIEWS) {
    const singularName = review.kind.toLowerCase();
    at(review).push({ name: review.plural, singularName, namespaced: false, kind: review.kind, verbs: ['create'] });
  }
  const all = [...found.values()];
  for (const { resources } of all) resources.sort((left, right) => (left.name < right.name ? -1 : 1));
  return all.sort((left, right) => Number(left.group !== '') - Number(right.group !== ''));
}

function resourcesOf({ type, subresources, categories }: Kind): ApiResource[] {
  const { plural, singular, kind, namespaced, shortNames } = type;
  const main: ApiResource = { name: plural, singularName: singular, namespaced, kind, verbs: VERBS };
  if (shortNames.length > 0) main.shortNames = shortNames;
  if (categories.length > 0) main.categories = categories;
  const below = subresources.flatMap((name) => {
    const { verbs, ...rest } = SUBRESOURCES[name] ?? { verbs: [] };
    return verbs.length === 0
      ? []
      : [{ name: `${plural}/${name}`, singularName: '', namespaced, kind, verbs, ...rest }];
  });
  return [main, ...below];
}
