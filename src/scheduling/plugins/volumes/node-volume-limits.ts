import type { CSINode, KubeObject } from '../../../model/index.ts';
import { type Cycle, StateKey } from '../../framework/cycle.ts';
import type { FilterPlugin, PreFilterPlugin, Rejection } from '../../framework/phases.ts';
import type { NodeInfo } from '../../snapshot/node-info.ts';
import type { PodInfo } from '../../snapshot/pod-info.ts';
import { type AttachedVolumes, type ByDriver, driversOf } from './attached-volumes.ts';
import { claimsOf, type PodClaim } from './pod-claims.ts';
import { uses } from './volume-restrictions.ts';

const NAME = 'NodeVolumeLimits';
const EXCEEDED: Rejection = { plugin: NAME, reasons: ['node(s) exceed max volume count'], resolvable: true };

interface Attaching {
  readonly claims: readonly PodClaim[];
  readonly away: Set<PodInfo>;
  readonly added: Set<PodInfo>;
}

const ATTACHING = new StateKey<Attaching>(NAME);

/** No more volumes of a CSI driver on a node than its CSINode says the driver can attach. */
export class NodeVolumeLimits implements PreFilterPlugin, FilterPlugin {
  readonly name = NAME;
  readonly hints = {
    NodeChanged: (_pod: PodInfo, { change }: { change: { readonly added: boolean } }) => change.added,
    RoomFreed: (_pod: PodInfo, { pod: gone }: { pod: PodInfo }) => claimsOf(gone).length > 0,
    ObjectChanged: (pod: PodInfo, { object, before }: { object: KubeObject; before: KubeObject | undefined }) =>
      (object.kind === 'PersistentVolumeClaim' && uses(pod, object)) ||
      (object.kind === 'CSINode' && hasMoreRoom(object as CSINode, before as CSINode | undefined)),
  };
  readonly #attached: AttachedVolumes;

  constructor(attached: AttachedVolumes) {
    this.#attached = attached;
  }

  preFilter(cycle: Cycle): 'skip' | undefined {
    const claims = claimsOf(cycle.pod);
    if (claims.length === 0) return 'skip';
    cycle.write(ATTACHING, { claims, away: new Set(), added: new Set() });
    return undefined;
  }

  addPod(cycle: Cycle, pod: PodInfo): void {
    const state = cycle.read(ATTACHING);
    if (state !== undefined && !state.away.delete(pod)) state.added.add(pod);
  }

  removePod(cycle: Cycle, pod: PodInfo): void {
    const state = cycle.read(ATTACHING);
    if (state !== undefined && !state.added.delete(pod)) state.away.add(pod);
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    const limits = this.#attached.limitsOf(node.name);
    const state = cycle.read(ATTACHING);
    if (limits === undefined || limits.size === 0 || state === undefined) return undefined;
    let attached: ByDriver | undefined;
    const more = new Map<string, Set<string>>();
    for (const { key } of state.claims) {
      const volume = this.#attached.volumeOf(key, node.name);
      if (volume === undefined || !limits.has(volume.driver)) continue;
      attached ??= this.#attachedOn(node, state);
      // A volume that another pod of the node has attached is not attached twice.
      if (attached.get(volume.driver)?.has(volume.id) === true) continue;
      more.set(volume.driver, (more.get(volume.driver) ?? new Set()).add(volume.id));
    }
    for (const [driver, ids] of more) {
      if ((attached?.get(driver)?.size ?? 0) + ids.size > (limits.get(driver) ?? Infinity)) return EXCEEDED;
    }
    return undefined;
  }

  #attachedOn(node: NodeInfo, { away, added }: Attaching): ByDriver {
    if (away.size === 0 && added.size === 0) return this.#attached.on(node.slot);
    const byDriver = new Map<string, Set<string>>();
    for (const pod of [...node.pods.values(), ...added]) {
      if (away.has(pod)) continue;
      for (const { key } of claimsOf(pod)) {
        const volume = this.#attached.volumeOf(key, node.name);
        if (volume === undefined) continue;
        byDriver.set(volume.driver, (byDriver.get(volume.driver) ?? new Set()).add(volume.id));
      }
    }
    return byDriver;
  }
}

function hasMoreRoom(now: CSINode, before: CSINode | undefined): boolean {
  return (
    before === undefined ||
    driversOf(now).some(({ name, allocatable }) => {
      const known = driversOf(before).find((driver) => driver.name === name);
      return known === undefined || (allocatable?.count ?? Infinity) > (known.allocatable?.count ?? Infinity);
    })
  );
}
