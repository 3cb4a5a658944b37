import type { KubeObject, LabelSelector, LabelSelectorRequirement, Pod } from '../../../model/index.ts';
import type { ClusterObjects } from '../../snapshot/cluster-objects.ts';
import type { SnapshotListener } from '../../snapshot/snapshot-listener.ts';
import { AnchoredQueries } from '../topology/anchored-queries.ts';
import { type Anchor, type Selector, selectorOf } from '../topology/selector.ts';

type Labels = Readonly<Record<string, string>>;

interface ServiceSelector {
  readonly namespace: string;
  readonly labels: Labels;
  readonly anchor: Anchor | undefined;
}

interface Selecting extends KubeObject {
  spec?: { selector?: unknown };
}

/**
 * The pods a pod is spread among when it says nothing itself: those that its Services and its controller select
 * (`helper.DefaultSelector`). Services are found by a label of theirs.
 */
export class DefaultSelectors implements SnapshotListener {
  readonly #objects: ClusterObjects;
  readonly #services = new Map<string, ServiceSelector>();
  readonly #bySelector = new AnchoredQueries<ServiceSelector>();

  constructor(objects: ClusterObjects) {
    this.#objects = objects;
    for (const service of objects.of<Selecting>('Service')) this.#setService(service, true);
  }

  objectChanged(object: KubeObject): void {
    if (object.kind === 'Service') this.#setService(object as Selecting, true);
  }

  objectDeleted(object: KubeObject): void {
    if (object.kind === 'Service') this.#setService(object as Selecting, false);
  }

  /** Undefined: nothing selects the pod. */
  of(pod: Pod): Selector | undefined {
    const { namespace = 'default', labels = {} } = pod.metadata;
    const matchLabels: Record<string, string> = {};
    for (const service of this.#bySelector.candidates(labels)) {
      if (service.namespace === namespace && isSubset(service.labels, labels)) {
        Object.assign(matchLabels, service.labels);
      }
    }
    const matchExpressions: LabelSelectorRequirement[] = [];
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true);
    const controller =
      owner === undefined ? undefined : this.#objects.get<Selecting>(owner.kind, `${namespace}/${owner.name}`);
    switch (owner?.kind) {
      case 'ReplicationController':
        Object.assign(matchLabels, controller?.spec?.selector);
        break;
      case 'ReplicaSet':
      case 'StatefulSet': {
        const selector = controller?.spec?.selector as LabelSelector | undefined;
        for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) {
          matchExpressions.push({ key, operator: 'In', values: [value] });
        }
        matchExpressions.push(...(selector?.matchExpressions ?? []));
        break;
      }
    }
    const selector = selectorOf({ matchLabels, matchExpressions });
    return selector.isEmpty ? undefined : selector;
  }

  #setService({ metadata, spec }: Selecting, exists: boolean): void {
    const namespace = metadata.namespace ?? 'default';
    const key = `${namespace}/${metadata.name}`;
    const before = this.#services.get(key);
    if (before !== undefined) {
      this.#bySelector.delete(before, before.anchor);
      this.#services.delete(key);
    }
    const labels = spec?.selector as Labels | undefined;
    // A Service without selector selects nothing: its endpoints are somebody else's.
    if (!exists || labels === undefined || Object.keys(labels).length === 0) return;
    const service: ServiceSelector = { namespace, labels, anchor: selectorOf({ matchLabels: labels }).anchor };
    this.#services.set(key, service);
    this.#bySelector.add(service, service.anchor);
  }
}

function isSubset(wanted: Labels, labels: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}
