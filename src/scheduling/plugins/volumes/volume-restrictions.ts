import type { KubeObject, Volume } from '../../../model/index.ts';
import { type Cycle, StateKey } from '../../framework/cycle.ts';
import type { FilterPlugin, PreFilterPlugin, Rejection } from '../../framework/phases.ts';
import type { NodeInfo } from '../../snapshot/node-info.ts';
import type { PodInfo } from '../../snapshot/pod-info.ts';
import type { ClaimUsers } from './claim-users.ts';
import { claimNotFound, claimsOf, hopeless, type VolumeObjects } from './pod-claims.ts';

const NAME = 'VolumeRestrictions';
const NO_DISK: Rejection = { plugin: NAME, reasons: ['node(s) had no available disk'], resolvable: true };
const CLAIM_IN_USE: Rejection = {
  plugin: NAME,
  reasons: ['node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'],
  resolvable: true,
};

interface Restricted {
  readonly disks: readonly Volume[];
  /** ReadWriteOncePod claims of the pod. */
  readonly exclusive: ReadonlySet<string>;
  /** How many uses of those by placed pods there are. */
  uses: number;
  readonly away: Set<string>;
  readonly added: Map<string, PodInfo>;
}

const RESTRICTED = new StateKey<Restricted>(NAME);

/**
 * Disks that one node may not mount twice (GCE, EBS, iSCSI and RBD named in the pod itself), and claims that one pod alone
 * may use (ReadWriteOncePod, KEP-2485).
 */
export class VolumeRestrictions implements PreFilterPlugin, FilterPlugin {
  readonly name = NAME;
  readonly hints = {
    NodeChanged: (_pod: PodInfo, { change }: { change: { readonly added: boolean } }) => change.added,
    RoomFreed: (pod: PodInfo, { pod: gone }: { pod: PodInfo }) => this.#clash(pod, gone),
    ObjectChanged: (pod: PodInfo, { object }: { object: KubeObject }) =>
      object.kind === 'PersistentVolumeClaim' && uses(pod, object),
  };
  readonly #objects: VolumeObjects;
  readonly #users: ClaimUsers;

  constructor(objects: VolumeObjects, users: ClaimUsers) {
    this.#objects = objects;
    this.#users = users;
  }

  preFilter(cycle: Cycle): Rejection | 'skip' | undefined {
    const { pod } = cycle;
    const { volumes = [] } = pod.pod.spec;
    if (volumes.length === 0) return 'skip';
    const disks = volumes.filter(isDisk);
    const exclusive = new Set<string>();
    let used = 0;
    for (const { key, name, isEphemeral } of claimsOf(pod)) {
      if (isEphemeral) continue;
      const claim = this.#objects.claim(key);
      if (claim === undefined) return hopeless(NAME, claimNotFound(name));
      if (claim.spec?.accessModes?.includes('ReadWriteOncePod') !== true) continue;
      exclusive.add(key);
      used += this.#users.of(key);
    }
    if (disks.length === 0 && used === 0) return 'skip';
    cycle.write(RESTRICTED, {
      disks,
      exclusive,
      uses: used,
      away: new Set<string>(),
      added: new Map<string, PodInfo>(),
    });
    return undefined;
  }

  addPod(cycle: Cycle, pod: PodInfo): void {
    const state = cycle.read(RESTRICTED);
    if (state === undefined) return;
    if (!state.away.delete(pod.uid)) state.added.set(pod.uid, pod);
    state.uses += usesOf(pod, state.exclusive);
  }

  removePod(cycle: Cycle, pod: PodInfo): void {
    const state = cycle.read(RESTRICTED);
    if (state === undefined) return;
    if (!state.added.delete(pod.uid)) state.away.add(pod.uid);
    state.uses -= usesOf(pod, state.exclusive);
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    const state = cycle.read(RESTRICTED);
    if (state === undefined) return undefined;
    if (state.disks.length > 0) {
      for (const pod of node.pods.values()) {
        if (!state.away.has(pod.uid) && sharesDisk(state.disks, pod)) return NO_DISK;
      }
      for (const pod of state.added.values()) if (sharesDisk(state.disks, pod)) return NO_DISK;
    }
    return state.uses > 0 ? CLAIM_IN_USE : undefined;
  }

  #clash(pod: PodInfo, gone: PodInfo): boolean {
    if (sharesDisk((pod.pod.spec.volumes ?? []).filter(isDisk), gone)) return true;
    const own = new Set(claimsOf(pod).map(({ key }) => key));
    return usesOf(gone, own) > 0;
  }
}

/** Whether the claim is one of the pod's. */
export function uses(pod: PodInfo, { metadata }: KubeObject): boolean {
  const key = `${metadata.namespace ?? 'default'}/${metadata.name}`;
  return claimsOf(pod).some((claim) => claim.key === key);
}

function usesOf(pod: PodInfo, claims: ReadonlySet<string>): number {
  return claimsOf(pod).filter(({ key }) => claims.has(key)).length;
}

function isDisk({ gcePersistentDisk, awsElasticBlockStore, rbd, iscsi }: Volume): boolean {
  return (
    gcePersistentDisk !== undefined || awsElasticBlockStore !== undefined || rbd !== undefined || iscsi !== undefined
  );
}

function sharesDisk(disks: readonly Volume[], pod: PodInfo): boolean {
  const others = pod.pod.spec.volumes;
  return others !== undefined && disks.some((disk) => others.some((other) => conflicts(disk, other)));
}

/** The same disk twice, unless all mount it read-only; EBS volumes not even then. */
function conflicts(one: Volume, other: Volume): boolean {
  const { gcePersistentDisk: disk, awsElasticBlockStore: block, iscsi, rbd } = one;
  const bothRead = (mine: { readOnly?: boolean }, its: { readOnly?: boolean }): boolean =>
    mine.readOnly === true && its.readOnly === true;
  if (disk !== undefined && other.gcePersistentDisk?.pdName === disk.pdName) {
    return !bothRead(disk, other.gcePersistentDisk);
  }
  if (block !== undefined && other.awsElasticBlockStore?.volumeID === block.volumeID) return true;
  if (iscsi !== undefined && other.iscsi?.iqn === iscsi.iqn) return !bothRead(iscsi, other.iscsi);
  if (rbd === undefined || other.rbd === undefined) return false;
  return (
    rbd.monitors.some((monitor) => other.rbd?.monitors.includes(monitor)) &&
    (rbd.pool ?? 'rbd') === (other.rbd.pool ?? 'rbd') &&
    rbd.image === other.rbd.image &&
    !bothRead(rbd, other.rbd)
  );
}
