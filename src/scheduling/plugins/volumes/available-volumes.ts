import {
  type KubeObject,
  type LabelSelector,
  matchesLabelSelector,
  type PersistentVolume,
  type PersistentVolumeClaim,
  quantityUnits,
} from '../../../model/index.ts';
import type { NodeInfo } from '../../snapshot/node-info.ts';
import type { SnapshotListener } from '../../snapshot/snapshot-listener.ts';
import { matchesTerm } from '../node-selector-terms.ts';
import { AnchoredQueries } from '../topology/anchored-queries.ts';
import type { Anchor } from '../topology/selector.ts';
import { classNameOf } from './pod-claims.ts';

/** Volumes that a claim may still be bound to, by class, with what was promised and is not written yet. */
export class AvailableVolumes implements SnapshotListener {
  /** By class, and found by a label that the nodes which can use them have: local volumes are as many as nodes. */
  readonly #byClass = new Map<string, AnchoredQueries<PersistentVolume>>();
  readonly #kept = new Map<string, { volume: PersistentVolume; className: string; anchor: Anchor | undefined }>();
  /** Claims by the volume they were promised. */
  readonly #taken = new Map<string, string>();
  /** Nodes by the claim that is to be provisioned there. */
  readonly #selected = new Map<string, string>();

  /**
   * The smallest volume that fits the claim and that the node can use; one that was made for the claim comes first
   * (`volume.FindMatchingVolume`).
   */
  smallestFor(claim: PersistentVolumeClaim, node: NodeInfo, chosen: ReadonlySet<string>): PersistentVolume | undefined {
    const key = `${claim.metadata.namespace ?? 'default'}/${claim.metadata.name}`;
    const wanted = storageOf(claim.spec?.resources?.requests?.storage);
    let best: PersistentVolume | undefined;
    let bestSize = Infinity;
    for (const volume of this.#byClass.get(classNameOf(claim))?.candidates(node.labels) ?? []) {
      const { name } = volume.metadata;
      if (chosen.has(name) || (this.#taken.get(name) ?? key) !== key) continue;
      const { claimRef, capacity } = volume.spec ?? {};
      const isOwn = claimRef !== undefined && `${claimRef.namespace ?? 'default'}/${claimRef.name ?? ''}` === key;
      if (claimRef !== undefined && !isOwn) continue;
      const size = storageOf(capacity?.storage);
      if (size < wanted || !suits(volume, claim) || !isReachable(volume, node)) continue;
      if (isOwn) return volume;
      if (size < bestSize) {
        best = volume;
        bestSize = size;
      }
    }
    return best;
  }

  take(volume: string, claim: string): void {
    this.#taken.set(volume, claim);
  }

  giveBack(volume: string): void {
    this.#taken.delete(volume);
  }

  select(claim: string, nodeName: string): void {
    this.#selected.set(claim, nodeName);
  }

  deselect(claim: string): void {
    this.#selected.delete(claim);
  }

  selectedFor(claim: string): string | undefined {
    return this.#selected.get(claim);
  }

  objectChanged(object: KubeObject): void {
    if (object.kind === 'PersistentVolume') this.#put(object as PersistentVolume);
    if (object.kind !== 'PersistentVolumeClaim') return;
    // The API tells of what was promised: from now on its word counts.
    const { annotations } = object.metadata;
    if (annotations?.['volume.kubernetes.io/selected-node'] !== undefined) {
      this.#selected.delete(`${object.metadata.namespace ?? 'default'}/${object.metadata.name}`);
    }
  }

  objectDeleted(object: KubeObject): void {
    if (object.kind === 'PersistentVolume') {
      this.#remove(object.metadata.name);
      this.#taken.delete(object.metadata.name);
    } else if (object.kind === 'PersistentVolumeClaim') {
      this.#selected.delete(`${object.metadata.namespace ?? 'default'}/${object.metadata.name}`);
    }
  }

  #put(volume: PersistentVolume): void {
    const { name } = volume.metadata;
    this.#remove(name);
    const { claimRef, storageClassName = '' } = volume.spec ?? {};
    if (claimRef !== undefined) this.#taken.delete(name);
    // Once bound it is nobody else's.
    if (volume.status?.phase !== undefined && volume.status.phase !== 'Available' && volume.status.phase !== 'Pending')
      return;
    const anchor = anchorOf(volume);
    this.#kept.set(name, { volume, className: storageClassName, anchor });
    let known = this.#byClass.get(storageClassName);
    if (known === undefined) {
      known = new AnchoredQueries();
      this.#byClass.set(storageClassName, known);
    }
    known.add(volume, anchor);
  }

  #remove(name: string): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    this.#kept.delete(name);
    this.#byClass.get(kept.className)?.delete(kept.volume, kept.anchor);
  }
}

/** A label that every node which can use the volume has, where one term says so. */
function anchorOf({ spec }: PersistentVolume): Anchor | undefined {
  const [term, ...others] = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  if (others.length > 0) return undefined;
  const expression = term?.matchExpressions?.find(({ operator }) => operator === 'In');
  return expression === undefined ? undefined : { key: expression.key, values: expression.values ?? [] };
}

/** Whether the volume's own node affinity lets the node use it. */
export function isReachable({ spec }: PersistentVolume, node: NodeInfo): boolean {
  const required = spec?.nodeAffinity?.required;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

function suits({ metadata, spec = {} }: PersistentVolume, { spec: wanted = {} }: PersistentVolumeClaim): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  if ((spec.volumeMode ?? 'Filesystem') !== (wanted.volumeMode ?? 'Filesystem')) return false;
  if ((spec.volumeAttributesClassName ?? '') !== (wanted.volumeAttributesClassName ?? '')) return false;
  if (!(wanted.accessModes ?? []).every((mode) => spec.accessModes?.includes(mode))) return false;
  return wanted.selector === undefined || matchesLabelSelector(wanted.selector as LabelSelector, metadata.labels);
}

/** Bytes; a quantity nobody can read counts as none. */
export function storageOf(quantity: string | number | undefined): number {
  if (quantity === undefined) return 0;
  try {
    return quantityUnits(quantity);
  } catch {
    return 0;
  }
}
