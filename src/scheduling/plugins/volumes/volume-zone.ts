import type { KubeObject, PersistentVolume, StorageClass } from '../../../model/index.ts';
import { type Cycle, StateKey } from '../../framework/cycle.ts';
import type { FilterPlugin, PreFilterPlugin, Rejection } from '../../framework/phases.ts';
import type { NodeChange, NodeInfo } from '../../snapshot/node-info.ts';
import type { PodInfo } from '../../snapshot/pod-info.ts';
import { labelOf } from '../node-selector-terms.ts';
import {
  claimNotFound,
  claimsOf,
  classNameOf,
  classNotFound,
  hopeless,
  type VolumeObjects,
  volumeNotFound,
} from './pod-claims.ts';
import { uses } from './volume-restrictions.ts';

const NAME = 'VolumeZone';
const NO_ZONE = hopeless(NAME, 'node(s) had no available volume zone');

const BETA_ZONE = 'failure-domain.beta.kubernetes.io/zone';
const BETA_REGION = 'failure-domain.beta.kubernetes.io/region';
const ZONE = 'topology.kubernetes.io/zone';
const REGION = 'topology.kubernetes.io/region';
const LABELS = [BETA_ZONE, BETA_REGION, ZONE, REGION];
/** What the beta labels became: a node may have only those. */
const GENERAL: Readonly<Record<string, string>> = { [BETA_ZONE]: ZONE, [BETA_REGION]: REGION };

interface Placement {
  readonly label: string;
  readonly values: readonly string[];
}

const PLACEMENTS = new StateKey<readonly Placement[]>(NAME);

/**
 * Zones and regions that the labels of the pod's volumes name. A node without any such label is taken to be in the only
 * zone there is.
 */
export class VolumeZone implements PreFilterPlugin, FilterPlugin {
  readonly name = NAME;
  readonly hints = {
    NodeChanged: (_pod: PodInfo, { change }: { change: NodeChange }) => change.added || change.labels,
    ObjectChanged: (pod: PodInfo, { object, before }: { object: KubeObject; before: KubeObject | undefined }) => {
      switch (object.kind) {
        case 'PersistentVolumeClaim':
          return uses(pod, object);
        case 'PersistentVolume':
          return before === undefined || JSON.stringify(placementsOf(before)) !== JSON.stringify(placementsOf(object));
        case 'StorageClass':
          return before === undefined && (object as StorageClass).volumeBindingMode === 'WaitForFirstConsumer';
        default:
          return false;
      }
    },
  };
  readonly #objects: VolumeObjects;

  constructor(objects: VolumeObjects) {
    this.#objects = objects;
  }

  preFilter(cycle: Cycle): Rejection | 'skip' | undefined {
    const placements: Placement[] = [];
    for (const { key, name, isEphemeral } of claimsOf(cycle.pod)) {
      if (isEphemeral) continue;
      const claim = this.#objects.claim(key);
      if (claim === undefined) return hopeless(NAME, claimNotFound(name));
      const { volumeName = '' } = claim.spec ?? {};
      if (volumeName === '') {
        const rejection = this.#unbound(classNameOf(claim));
        if (rejection !== undefined) return rejection;
        continue;
      }
      const volume = this.#objects.volume(volumeName);
      if (volume === undefined) return hopeless(NAME, volumeNotFound(volumeName));
      placements.push(...placementsOf(volume));
    }
    if (placements.length === 0) return 'skip';
    cycle.write(PLACEMENTS, placements);
    return undefined;
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    if (LABELS.every((label) => labelOf(node, label) === undefined)) return undefined;
    for (const { label, values } of cycle.read(PLACEMENTS) ?? []) {
      const value = labelOf(node, label) ?? labelOf(node, GENERAL[label] ?? label);
      if (value === undefined || !values.includes(value)) return NO_ZONE;
    }
    return undefined;
  }

  /** A claim without volume may only wait for its first consumer. */
  #unbound(className: string): Rejection | undefined {
    if (className === '') return hopeless(NAME, 'PersistentVolumeClaim had no pv name and storageClass name');
    const storageClass = this.#objects.class(className);
    if (storageClass === undefined) return hopeless(NAME, classNotFound(className));
    switch (storageClass.volumeBindingMode) {
      case undefined:
        return hopeless(NAME, `VolumeBindingMode not set for StorageClass "${className}"`);
      case 'WaitForFirstConsumer':
        return undefined;
      default:
        return hopeless(NAME, 'PersistentVolume had no name');
    }
  }
}

/** Labels may name several zones, joined by `__`; a label with an empty one is ignored, as upstream. */
function placementsOf({ metadata: { labels } }: KubeObject | PersistentVolume): Placement[] {
  return LABELS.flatMap((label) => {
    const text = labels !== undefined && Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (text === undefined) return [];
    const values = text.split('__').map((value) => value.trim());
    return values.includes('') ? [] : [{ label, values }];
  });
}
