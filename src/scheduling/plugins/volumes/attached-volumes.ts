import {
  type CSINode,
  type KubeObject,
  keyOf,
  type PersistentVolume,
  type PersistentVolumeClaim,
} from '../../../model/index.ts';
import type { NodeInfo } from '../../snapshot/node-info.ts';
import type { PodInfo } from '../../snapshot/pod-info.ts';
import type { SnapshotListener } from '../../snapshot/snapshot-listener.ts';
import { claimsOf, classNameOf, type VolumeObjects } from './pod-claims.ts';

/** A volume that a CSI driver attaches. */
export interface AttachableVolume {
  readonly driver: string;
  /** Tells volumes apart over all drivers. */
  readonly id: string;
}

/** Volume identities by driver. */
export type ByDriver = ReadonlyMap<string, ReadonlySet<string>>;

interface OnNode {
  /** Pods that use a claim, by claim. */
  readonly claims: Map<string, number>;
  /** What those attach; undefined: to be worked out. */
  attached: ByDriver | undefined;
}

const NOTHING: ByDriver = new Map();
const MIGRATED_PLUGINS = 'storage.alpha.kubernetes.io/migrated-plugins';

/**
 * Which volumes the pods of each node have attached, and how many the node's drivers can attach (CSINode). Worked out again
 * only for nodes whose claims, or the volumes behind them, changed.
 */
export class AttachedVolumes implements SnapshotListener {
  readonly #objects: VolumeObjects;
  readonly #onNode = new Map<number, OnNode>();
  readonly #nodesOf = new Map<string, Set<number>>();
  readonly #names = new Map<number, string>();
  readonly #limits = new Map<string, ReadonlyMap<string, number>>();
  /** Claims by the volume they name: more than one may name it, though only one has it. */
  readonly #claimsOf = new Map<string, Set<string>>();

  constructor(objects: VolumeObjects) {
    this.#objects = objects;
  }

  /** How many volumes a driver can attach to the node; drivers without limit are absent. */
  limitsOf(nodeName: string): ReadonlyMap<string, number> | undefined {
    return this.#limits.get(nodeName);
  }

  on(slot: number): ByDriver {
    const node = this.#onNode.get(slot);
    if (node === undefined) return NOTHING;
    node.attached ??= this.#resolve(node.claims.keys(), this.#names.get(slot) ?? '');
    return node.attached;
  }

  /** What the claim attaches on this node; undefined: nothing that counts, or not known yet. */
  volumeOf(claimKey: string, nodeName: string): AttachableVolume | undefined {
    const claim = this.#objects.claim(claimKey);
    if (claim === undefined) return undefined;
    const { volumeName = '' } = claim.spec ?? {};
    const volume = volumeName === '' ? undefined : this.#objects.volume(volumeName);
    if (volume === undefined) return this.#toBeProvisioned(claim, claimKey);
    const { csi } = volume.spec ?? {};
    if (csi !== undefined) return { driver: csi.driver, id: `${csi.driver}/${csi.volumeHandle}` };
    return migrated(volume, this.#objects.csiNode(nodeName));
  }

  podPlaced(pod: PodInfo, { slot, name }: NodeInfo): void {
    for (const { key } of claimsOf(pod)) {
      let node = this.#onNode.get(slot);
      if (node === undefined) {
        node = { claims: new Map(), attached: undefined };
        this.#onNode.set(slot, node);
        this.#names.set(slot, name);
      }
      node.claims.set(key, (node.claims.get(key) ?? 0) + 1);
      node.attached = undefined;
      const nodes = this.#nodesOf.get(key);
      if (nodes === undefined) this.#nodesOf.set(key, new Set([slot]));
      else nodes.add(slot);
    }
  }

  podDisplaced(pod: PodInfo, { slot }: NodeInfo): void {
    for (const { key } of claimsOf(pod)) {
      const node = this.#onNode.get(slot);
      if (node === undefined) continue;
      node.attached = undefined;
      const left = (node.claims.get(key) ?? 0) - 1;
      if (left > 0) {
        node.claims.set(key, left);
        continue;
      }
      node.claims.delete(key);
      const nodes = this.#nodesOf.get(key);
      nodes?.delete(slot);
      if (nodes?.size === 0) this.#nodesOf.delete(key);
      if (node.claims.size > 0) continue;
      this.#onNode.delete(slot);
      this.#names.delete(slot);
    }
  }

  objectChanged(object: KubeObject, before: KubeObject | undefined): void {
    this.#unlink(before);
    this.#changed(object, false);
  }

  objectDeleted(object: KubeObject): void {
    this.#unlink(object);
    this.#changed(object, true);
  }

  #changed(object: KubeObject, isGone: boolean): void {
    switch (object.kind) {
      case 'CSINode':
        if (isGone) this.#limits.delete(object.metadata.name);
        else this.#limits.set(object.metadata.name, limitsOf(object as CSINode));
        this.#forgetAll();
        break;
      case 'StorageClass':
        this.#forgetAll();
        break;
      case 'PersistentVolume':
        for (const claim of this.#claimsOf.get(object.metadata.name) ?? []) this.#forget(claim);
        break;
      case 'PersistentVolumeClaim':
        if (!isGone) this.#link(object);
        this.#forget(keyOf(object));
        break;
    }
  }

  #link(claim: KubeObject): void {
    const volume = volumeNameOf(claim);
    if (volume === undefined) return;
    const claims = this.#claimsOf.get(volume);
    if (claims === undefined) this.#claimsOf.set(volume, new Set([keyOf(claim)]));
    else claims.add(keyOf(claim));
  }

  #unlink(claim: KubeObject | undefined): void {
    const volume = claim === undefined ? undefined : volumeNameOf(claim);
    if (claim === undefined || volume === undefined) return;
    const claims = this.#claimsOf.get(volume);
    claims?.delete(keyOf(claim));
    if (claims?.size === 0) this.#claimsOf.delete(volume);
  }

  #forget(claim: string): void {
    for (const slot of this.#nodesOf.get(claim) ?? []) {
      const node = this.#onNode.get(slot);
      if (node !== undefined) node.attached = undefined;
    }
  }

  #forgetAll(): void {
    for (const node of this.#onNode.values()) node.attached = undefined;
  }

  #resolve(claims: Iterable<string>, nodeName: string): ByDriver {
    const byDriver = new Map<string, Set<string>>();
    for (const claim of claims) {
      const volume = this.volumeOf(claim, nodeName);
      if (volume === undefined) continue;
      const known = byDriver.get(volume.driver);
      if (known === undefined) byDriver.set(volume.driver, new Set([volume.id]));
      else known.add(volume.id);
    }
    return byDriver;
  }

  /** A volume that its class's driver will make: it counts by the name of its claim. */
  #toBeProvisioned(claim: PersistentVolumeClaim, claimKey: string): AttachableVolume | undefined {
    const driver = this.#objects.class(classNameOf(claim))?.provisioner ?? '';
    if (driver === '' || driver === 'kubernetes.io/no-provisioner') return undefined;
    return { driver, id: `${driver}/${claimKey}` };
  }
}

function volumeNameOf(object: KubeObject): string | undefined {
  return object.kind === 'PersistentVolumeClaim' ? (object as PersistentVolumeClaim).spec?.volumeName : undefined;
}

/** kube-apiserver writes `null` where there is none. */
export function driversOf({ spec }: CSINode): CSINode['spec']['drivers'] {
  return (spec.drivers as CSINode['spec']['drivers'] | null) ?? [];
}

function limitsOf(csiNode: CSINode): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const { name, allocatable } of driversOf(csiNode))
    if (allocatable?.count !== undefined) limits.set(name, allocatable.count);
  return limits;
}

/** In-tree plugins whose volumes a CSI driver attaches, where the CSINode says that it does. */
function migrated(
  { metadata, spec = {} }: PersistentVolume,
  csiNode: CSINode | undefined,
): AttachableVolume | undefined {
  const plugins = csiNode?.metadata.annotations?.[MIGRATED_PLUGINS]?.split(',') ?? [];
  const of = (plugin: string, driver: string, handle: string | undefined): AttachableVolume | undefined =>
    handle !== undefined && plugins.includes(plugin) ? { driver, id: `${driver}/${handle}` } : undefined;
  return (
    of('kubernetes.io/aws-ebs', 'ebs.csi.aws.com', spec.awsElasticBlockStore?.volumeID) ??
    of('kubernetes.io/gce-pd', 'pd.csi.storage.gke.io', spec.gcePersistentDisk?.pdName) ??
    of('kubernetes.io/azure-disk', 'disk.csi.azure.com', spec.azureDisk?.diskURI) ??
    of('kubernetes.io/cinder', 'cinder.csi.openstack.org', spec.cinder?.volumeID) ??
    of('kubernetes.io/vsphere-volume', 'csi.vsphere.vmware.com', spec.vsphereVolume?.volumePath) ??
    of('kubernetes.io/portworx-volume', 'pxd.portworx.com', spec.portworxVolume?.volumeID) ??
    of('kubernetes.io/rbd', 'rbd.csi.ceph.com', spec.rbd === undefined ? undefined : metadata.name)
  );
}
