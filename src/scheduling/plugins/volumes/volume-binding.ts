import {
  type CSIDriver,
  type CSIStorageCapacity,
  type KubeObject,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type StorageClass,
} from '../../../model/index.ts';
import { type Cycle, StateKey } from '../../framework/cycle.ts';
import type {
  FilterPlugin,
  PostBindPlugin,
  PreBindPlugin,
  PreBindStep,
  PreFilterPlugin,
  Rejection,
  ReservePlugin,
} from '../../framework/phases.ts';
import type { NodeChange, NodeInfo } from '../../snapshot/node-info.ts';
import type { PodInfo } from '../../snapshot/pod-info.ts';
import { type AvailableVolumes, isReachable, storageOf } from './available-volumes.ts';
import {
  claimNotFound,
  claimsOf,
  classNameOf,
  classNotFound,
  hopeless,
  isOwnedBy,
  type VolumeObjects,
} from './pod-claims.ts';
import { limitOf, type StorageCapacities } from './storage-capacities.ts';
import type { VolumeIndexes } from './volume-indexes.ts';
import { uses } from './volume-restrictions.ts';

const NAME = 'VolumeBinding';
const NODE_CONFLICT = "node(s) didn't match PersistentVolume's node affinity";
const NOTHING_TO_BIND = "node(s) didn't find available persistent volumes to bind";
const NO_SPACE = 'node(s) did not have enough free storage';
const NO_VOLUME = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';
const REJECTIONS = new Map<string, Rejection>();

const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
/** Upstream's `bindTimeoutSeconds`. */
const DEFAULT_BIND_TIMEOUT_SECONDS = 600;

/** `VolumeBindingArgs`. */
export interface VolumeBindingArgs {
  /** How long a bind waits for claims to be bound, in seconds; default 600. */
  readonly bindTimeoutSeconds?: number;
}

interface Claims {
  readonly bound: readonly PersistentVolumeClaim[];
  /** Claims that are bound once it is known where their first consumer goes. */
  readonly delayed: readonly PersistentVolumeClaim[];
}

/** What has to be bound for a pod on one node. */
interface Binding {
  readonly matches: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  readonly provisions: readonly PersistentVolumeClaim[];
}

const CLAIMS = new StateKey<Claims>(NAME);

/**
 * Volumes of claims must be reachable from the node: bound ones by their node affinity, unbound ones that wait for their
 * first consumer by a free volume there, or by the topologies their class may provision in. Before the bind the volume is
 * given to the claim, or the claim is told its node, and waited for.
 */
export class VolumeBinding implements PreFilterPlugin, FilterPlugin, ReservePlugin, PreBindPlugin, PostBindPlugin {
  readonly name = NAME;
  readonly hints = {
    NodeChanged: (_pod: PodInfo, { change }: { change: NodeChange }) => change.added || change.labels,
    ObjectChanged: (pod: PodInfo, { object, before }: { object: KubeObject; before: KubeObject | undefined }) => {
      switch (object.kind) {
        case 'PersistentVolumeClaim':
          return uses(pod, object);
        case 'StorageClass':
          return (
            JSON.stringify((before as StorageClass | undefined)?.allowedTopologies ?? null) !==
            JSON.stringify((object as StorageClass).allowedTopologies ?? [])
          );
        case 'PersistentVolume':
          return true;
        case 'CSINode':
          return before === undefined;
        case 'CSIStorageCapacity':
          return (
            limitOf(object as CSIStorageCapacity) > (before === undefined ? -1 : limitOf(before as CSIStorageCapacity))
          );
        case 'CSIDriver':
          return (object as CSIDriver).spec.storageCapacity !== true;
        default:
          return false;
      }
    },
  };
  readonly #objects: VolumeObjects;
  readonly #available: AvailableVolumes;
  readonly #capacities: StorageCapacities;
  readonly #timeoutMilliseconds: number;
  readonly #reserved = new Map<string, Binding>();

  constructor(
    { objects, available, capacities }: Pick<VolumeIndexes, 'objects' | 'available' | 'capacities'>,
    { bindTimeoutSeconds = DEFAULT_BIND_TIMEOUT_SECONDS }: VolumeBindingArgs = {},
  ) {
    this.#objects = objects;
    this.#available = available;
    this.#capacities = capacities;
    this.#timeoutMilliseconds = bindTimeoutSeconds * 1000;
  }

  preFilter(cycle: Cycle): Rejection | 'skip' | undefined {
    const { pod } = cycle;
    const used = claimsOf(pod);
    if (used.length === 0) return 'skip';
    const bound: PersistentVolumeClaim[] = [];
    const delayed: PersistentVolumeClaim[] = [];
    let waitsForImmediate = false;
    for (const { key, name, isEphemeral } of used) {
      const claim = this.#objects.claim(key);
      const trouble = troubleOf(claim, name, isEphemeral, pod);
      if (trouble !== undefined || claim === undefined) return hopeless(NAME, trouble ?? claimNotFound(name));
      if (isBound(claim)) {
        bound.push(claim);
        continue;
      }
      const isDelayed = this.#isDelayed(claim);
      if (typeof isDelayed === 'object') return isDelayed;
      if (isDelayed && (claim.spec?.volumeName ?? '') === '') delayed.push(claim);
      else waitsForImmediate = true;
    }
    if (waitsForImmediate) return hopeless(NAME, 'pod has unbound immediate PersistentVolumeClaims');
    cycle.write(CLAIMS, { bound, delayed: delayed.sort((one, other) => sizeOf(one) - sizeOf(other)) });
    return undefined;
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    const claims = cycle.read(CLAIMS);
    const found = claims === undefined ? undefined : this.#find(claims, node);
    return found !== undefined && 'reasons' in found ? found : undefined;
  }

  reserve(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    const claims = cycle.read(CLAIMS);
    if (claims === undefined || claims.delayed.length === 0) return undefined;
    const found = this.#find(claims, node);
    if ('reasons' in found) return found;
    for (const { claim, volume } of found.matches) this.#available.take(volume.metadata.name, keyOfClaim(claim));
    for (const claim of found.provisions) this.#available.select(keyOfClaim(claim), node.name);
    this.#reserved.set(cycle.pod.uid, found);
    return undefined;
  }

  unreserve(pod: PodInfo): void {
    const binding = this.#reserved.get(pod.uid);
    if (binding === undefined) return;
    this.#reserved.delete(pod.uid);
    for (const { volume } of binding.matches) this.#available.giveBack(volume.metadata.name);
    for (const claim of binding.provisions) this.#available.deselect(keyOfClaim(claim));
  }

  /** What was promised is on its way to the API: its own events end the promise. */
  postBind(pod: PodInfo): void {
    this.#reserved.delete(pod.uid);
  }

  preBind(cycle: Cycle, node: NodeInfo): readonly PreBindStep[] | Rejection {
    const { matches = [], provisions = [] } = this.#reserved.get(cycle.pod.uid) ?? {};
    return [
      ...matches.flatMap(({ claim, volume }) => this.#give(volume, claim)),
      ...provisions.map((claim) => this.#tell(claim, { metadata: { annotations: { [SELECTED_NODE]: node.name } } })),
    ];
  }

  #find({ bound, delayed }: Claims, node: NodeInfo): Binding | Rejection {
    const reasons: string[] = [];
    for (const claim of bound) {
      const volume = this.#objects.volume(claim.spec?.volumeName ?? '');
      if (volume === undefined) reasons.push(NO_VOLUME);
      else if (!isReachable(volume, node)) reasons.push(NODE_CONFLICT);
      if (reasons.length > 0) break;
    }
    const binding = this.#bindingFor(delayed, node);
    if (typeof binding === 'string') reasons.push(binding);
    return typeof binding === 'string' || reasons.length > 0 ? rejection(reasons) : binding;
  }

  #bindingFor(delayed: readonly PersistentVolumeClaim[], node: NodeInfo): Binding | string {
    const matches: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
    const provisions: PersistentVolumeClaim[] = [];
    const chosen = new Set<string>();
    for (const claim of delayed) {
      const selected = this.#selectedNode(claim);
      if (selected !== undefined && selected !== node.name) return NOTHING_TO_BIND;
      const volume = selected === undefined ? this.#available.smallestFor(claim, node, chosen) : undefined;
      if (volume !== undefined) {
        chosen.add(volume.metadata.name);
        matches.push({ claim, volume });
        continue;
      }
      const hindrance = this.#hindranceToProvision(claim, node);
      if (hindrance !== undefined) return hindrance;
      provisions.push(claim);
    }
    return { matches, provisions };
  }

  #selectedNode(claim: PersistentVolumeClaim): string | undefined {
    return this.#available.selectedFor(keyOfClaim(claim)) ?? claim.metadata.annotations?.[SELECTED_NODE];
  }

  /** A pod is as good as delayed: `true`; bound at once by the volume controller: `false`. */
  #isDelayed(claim: PersistentVolumeClaim): boolean | Rejection {
    const className = classNameOf(claim);
    if (className === '') return false;
    const storageClass = this.#objects.class(className);
    if (storageClass === undefined) return hopeless(NAME, classNotFound(className));
    if (storageClass.volumeBindingMode === undefined) {
      return hopeless(NAME, `VolumeBindingMode not set for StorageClass "${className}"`);
    }
    return storageClass.volumeBindingMode === 'WaitForFirstConsumer';
  }

  #hindranceToProvision(claim: PersistentVolumeClaim, node: NodeInfo): string | undefined {
    const className = classNameOf(claim);
    const { provisioner = '', allowedTopologies = [] } = this.#objects.class(className) ?? {};
    if (provisioner === '' || provisioner === 'kubernetes.io/no-provisioner') return NOTHING_TO_BIND;
    const { labels } = node;
    const isAllowed =
      allowedTopologies.length === 0 ||
      allowedTopologies.some(({ matchLabelExpressions = [] }) =>
        matchLabelExpressions.every(
          ({ key, values }) => Object.hasOwn(labels, key) && values.includes(labels[key] ?? ''),
        ),
      );
    if (!isAllowed) return NOTHING_TO_BIND;
    return this.#capacities.suffices(provisioner, className, sizeOf(claim), node) ? undefined : NO_SPACE;
  }

  #give(volume: PersistentVolume, claim: PersistentVolumeClaim): PreBindStep[] {
    const { namespace = 'default', name, uid, resourceVersion } = claim.metadata;
    const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion };
    return [
      {
        plugin: NAME,
        type: PERSISTENT_VOLUMES,
        name: volume.metadata.name,
        patch: { metadata: { annotations: { [BOUND_BY_CONTROLLER]: 'yes' } }, spec: { claimRef } },
      },
      this.#tell(claim, {}),
    ];
  }

  /** Writes to the claim, and waits until it is bound. */
  #tell({ metadata }: PersistentVolumeClaim, patch: Readonly<Record<string, unknown>>): PreBindStep {
    return {
      plugin: NAME,
      type: PERSISTENT_VOLUME_CLAIMS,
      namespace: metadata.namespace ?? 'default',
      name: metadata.name,
      patch,
      waitFor: { field: 'status.phase', equals: 'Bound', timeoutMilliseconds: this.#timeoutMilliseconds },
    };
  }
}

/** Why the claim cannot be mounted whatever node it is. */
function troubleOf(
  claim: PersistentVolumeClaim | undefined,
  name: string,
  isEphemeral: boolean,
  pod: PodInfo,
): string | undefined {
  if (claim === undefined) {
    return isEphemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : claimNotFound(name);
  }
  if (claim.status?.phase === 'Lost') {
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ''}"`;
  }
  if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
  if (isEphemeral && !isOwnedBy(claim, pod.pod)) {
    return `PVC ${pod.namespace}/${name} was not created for pod ${pod.key} (pod is not owner)`;
  }
  return undefined;
}

function isBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return (spec?.volumeName ?? '') !== '' && metadata.annotations?.[BIND_COMPLETED] !== undefined;
}

function rejection(reasons: readonly string[]): Rejection {
  const text = reasons.join();
  let known = REJECTIONS.get(text);
  if (known === undefined) {
    known = { plugin: NAME, reasons, resolvable: false };
    REJECTIONS.set(text, known);
  }
  return known;
}

function keyOfClaim({ metadata }: PersistentVolumeClaim): string {
  return `${metadata.namespace ?? 'default'}/${metadata.name}`;
}

const sizeOf = ({ spec }: PersistentVolumeClaim): number => storageOf(spec?.resources?.requests?.storage);
