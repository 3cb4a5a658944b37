import type { CSIDriver, CSIStorageCapacity, KubeObject, LabelSelector } from '../../../model/index.ts';
import type { NodeInfo } from '../../snapshot/node-info.ts';
import type { SnapshotListener } from '../../snapshot/snapshot-listener.ts';
import { AnchoredQueries } from '../topology/anchored-queries.ts';
import { type Selector, selectorOf } from '../topology/selector.ts';
import { storageOf } from './available-volumes.ts';

interface Segment {
  readonly className: string;
  readonly nodes: Selector;
  /** The largest volume that can be made there, in bytes. */
  readonly limit: number;
}

/** What drivers say of the room they have left for new volumes, by class and nodes (CSIStorageCapacity, KEP-1472). */
export class StorageCapacities implements SnapshotListener {
  readonly #segments = new Map<string, Segment>();
  /** Found by a label of the node: there may be one for every node. */
  readonly #byClass = new Map<string, AnchoredQueries<Segment>>();
  /** Drivers whose word on capacity counts. */
  readonly #drivers = new Set<string>();

  /** Whether a volume of that many bytes can be made for the node; true for drivers that say nothing of capacity. */
  suffices(driver: string, className: string, bytes: number, { labels }: NodeInfo): boolean {
    if (!this.#drivers.has(driver)) return true;
    for (const { limit, nodes } of this.#byClass.get(className)?.candidates(labels) ?? []) {
      if (limit >= bytes && nodes.matches(labels)) return true;
    }
    return false;
  }

  objectChanged(object: KubeObject): void {
    if (object.kind === 'CSIDriver') {
      if ((object as CSIDriver).spec.storageCapacity === true) this.#drivers.add(object.metadata.name);
      else this.#drivers.delete(object.metadata.name);
    } else if (object.kind === 'CSIStorageCapacity') {
      this.#remove(keyOfCapacity(object));
      this.#put(object as CSIStorageCapacity);
    }
  }

  objectDeleted(object: KubeObject): void {
    if (object.kind === 'CSIDriver') this.#drivers.delete(object.metadata.name);
    else if (object.kind === 'CSIStorageCapacity') this.#remove(keyOfCapacity(object));
  }

  #put(capacity: CSIStorageCapacity): void {
    // Without topology no node can reach it.
    if (capacity.nodeTopology === undefined) return;
    const segment: Segment = {
      className: capacity.storageClassName,
      nodes: selectorOf(capacity.nodeTopology as LabelSelector),
      limit: limitOf(capacity),
    };
    this.#segments.set(keyOfCapacity(capacity), segment);
    let known = this.#byClass.get(segment.className);
    if (known === undefined) {
      known = new AnchoredQueries();
      this.#byClass.set(segment.className, known);
    }
    known.add(segment, segment.nodes.anchor);
  }

  #remove(key: string): void {
    const segment = this.#segments.get(key);
    if (segment === undefined) return;
    this.#segments.delete(key);
    this.#byClass.get(segment.className)?.delete(segment, segment.nodes.anchor);
  }
}

/** Bytes of the largest volume; −1 where nothing is said. */
export function limitOf({ maximumVolumeSize, capacity }: CSIStorageCapacity): number {
  const limit = maximumVolumeSize ?? capacity;
  return limit === undefined ? -1 : storageOf(limit);
}

function keyOfCapacity({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? 'default'}/${metadata.name}`;
}
