import { FermataError, type PodCheckpoint } from '../../model/index.ts';
import type { BackfillOptions } from '../backfill/backfill-dependencies.ts';
import type { ConsolidationOptions } from '../consolidation/consolidation.ts';
import type { FairShareOptions } from '../fair-share/fair-share.ts';
import type { Interruption } from '../interruption/interruption.ts';
import type { RestoreEstimate } from '../interruption/restore-estimate.ts';
import type { RestoreTraffic } from '../interruption/restore-traffic.ts';
import { CheckpointLocality } from '../plugins/checkpoint-locality.ts';
import { DynamicResources } from '../plugins/dynamic-resources.ts';
import { ImageLocality, type NodeImages } from '../plugins/image-locality.ts';
import { InterPodAffinity, type InterPodAffinityArgs } from '../plugins/inter-pod-affinity.ts';
import { NodeAffinity, type NodeAffinityArgs } from '../plugins/node-affinity.ts';
import { NodeName } from '../plugins/node-name.ts';
import { NodePorts } from '../plugins/node-ports.ts';
import { NodeReady } from '../plugins/node-ready.ts';
import {
  NodeResourcesBalancedAllocation,
  type NodeResourcesBalancedAllocationArgs,
} from '../plugins/node-resources-balanced-allocation.ts';
import { NodeResourcesFit, type NodeResourcesFitArgs } from '../plugins/node-resources-fit.ts';
import { NodeUnschedulable } from '../plugins/node-unschedulable.ts';
import { PodTopologySpread, type PodTopologySpreadArgs } from '../plugins/pod-topology-spread.ts';
import { PrioritySort } from '../plugins/priority-sort.ts';
import { RestoreBackoff } from '../plugins/restore-backoff.ts';
import { RestorePacing } from '../plugins/restore-pacing.ts';
import { SchedulingGates } from '../plugins/scheduling-gates.ts';
import type { DefaultSelectors } from '../plugins/spread/default-selector.ts';
import { TaintToleration } from '../plugins/taint-toleration.ts';
import type { TopologyIndex } from '../plugins/topology/topology-index.ts';
import { NodeVolumeLimits } from '../plugins/volumes/node-volume-limits.ts';
import { VolumeBinding, type VolumeBindingArgs } from '../plugins/volumes/volume-binding.ts';
import type { VolumeIndexes } from '../plugins/volumes/volume-indexes.ts';
import { VolumeRestrictions } from '../plugins/volumes/volume-restrictions.ts';
import { VolumeZone } from '../plugins/volumes/volume-zone.ts';
import type { ReclaimOptions } from '../reclaim/reclaim.ts';
import type { Cluster } from '../snapshot/cluster.ts';
import type { ResourceSpace } from '../snapshot/resource-space.ts';
import type { Strategies } from '../strategies.ts';
import type { WeightedPlugin } from './framework.ts';
import type { Phase, Plugin } from './phases.ts';
import type { WaitingPods } from './waiting-pods.ts';

/** Which plugins decide, in the order they run, and what their scores weigh. */
export interface Profile {
  /** Pods whose `spec.schedulerName` is this are decided by it; absent: those that no other profile answers to. */
  readonly schedulerName?: string;
  readonly plugins: readonly ProfilePlugin[];
  /** Arguments by plugin, as read from `pluginConfig`. */
  readonly args?: Readonly<Record<string, unknown>>;
  /** Kube-scheduler's sampling, in percent; 0: by cluster size. Absent: every node is considered. */
  readonly percentageOfNodesToScore?: number;
}

export interface ProfilePlugin {
  readonly name: string;
  readonly weight?: number;
  /** The phases it takes part in; all it implements by default. */
  readonly phases?: readonly Phase[];
}

/**
 * Upstream's defaults where the plugin is upstream's. CheckpointLocality outweighs emptiness, for fetching data costs more
 * than a fuller node; RestoreBackoff outweighs all else.
 */
export const DEFAULT_PROFILE: Profile = {
  plugins: [
    { name: 'PrioritySort' },
    { name: 'SchedulingGates' },
    { name: 'Gang' },
    { name: 'Reclaim' },
    { name: 'RestoreBackoff', weight: 10_000 },
    { name: 'RestorePacing' },
    { name: 'NodeUnschedulable' },
    { name: 'NodeReady' },
    { name: 'NodeName' },
    { name: 'TaintToleration', weight: 3 },
    { name: 'NodeAffinity', weight: 2 },
    { name: 'NodePorts' },
    { name: 'NodeResourcesFit', weight: 1 },
    { name: 'VolumeRestrictions' },
    { name: 'NodeVolumeLimits' },
    { name: 'VolumeBinding' },
    { name: 'VolumeZone' },
    { name: 'PodTopologySpread', weight: 2 },
    { name: 'InterPodAffinity', weight: 2 },
    { name: 'DynamicResources' },
    { name: 'NodeResourcesBalancedAllocation', weight: 1 },
    { name: 'ImageLocality', weight: 1 },
    { name: 'CheckpointLocality', weight: 2 },
    { name: 'Interruption' },
  ],
};

/** What plugins may need of the engine. */
export interface PluginContext {
  space: ResourceSpace;
  /** Read it, or follow its changes (`cluster.follow`). */
  cluster: Cluster;
  /** Pods that Permit asked to wait. */
  waiting: WaitingPods;
  /** Pods by domain; follows the cluster. */
  topology: TopologyIndex;
  /** Claims and volumes; follow the cluster. */
  volumes: VolumeIndexes;
  /** Images by node; follows the cluster. */
  images: NodeImages;
  /** What Services and controllers select; follows the cluster. */
  defaultSelectors: DefaultSelectors;
  checkpointOf: (key: string) => PodCheckpoint | undefined;
  interruption: Interruption;
  /** How long restores take, and which are under way. */
  restores: RestoreEstimate;
  traffic: RestoreTraffic;
  /** What concerns the cluster as a whole; one of each, whichever profiles name it. */
  strategies: Strategies;
}

/** Makes plugins by name. */
export type PluginRegistry = Readonly<Record<string, (context: PluginContext, args: unknown) => Plugin>>;

const PLUGINS: PluginRegistry = {
  PrioritySort: () => new PrioritySort(),
  SchedulingGates: () => new SchedulingGates(),
  RestoreBackoff: () => new RestoreBackoff(),
  RestorePacing: ({ traffic, checkpointOf }) => new RestorePacing(traffic, checkpointOf),
  NodeUnschedulable: () => new NodeUnschedulable(),
  NodeReady: () => new NodeReady(),
  NodeName: () => new NodeName(),
  TaintToleration: () => new TaintToleration(),
  NodeAffinity: (_context, args) => new NodeAffinity(args as NodeAffinityArgs | undefined),
  NodePorts: () => new NodePorts(),
  NodeResourcesFit: ({ space }, args) => new NodeResourcesFit(space, args as NodeResourcesFitArgs | undefined),
  NodeResourcesBalancedAllocation: ({ space }, args) =>
    new NodeResourcesBalancedAllocation(space, args as NodeResourcesBalancedAllocationArgs | undefined),
  ImageLocality: ({ images }) => new ImageLocality(images),
  VolumeRestrictions: ({ volumes }) => new VolumeRestrictions(volumes.objects, volumes.users),
  NodeVolumeLimits: ({ volumes }) => new NodeVolumeLimits(volumes.attached),
  VolumeBinding: ({ volumes }, args) => new VolumeBinding(volumes, args as VolumeBindingArgs | undefined),
  VolumeZone: ({ volumes }) => new VolumeZone(volumes.objects),
  DynamicResources: () => new DynamicResources(),
  PodTopologySpread: ({ topology, defaultSelectors }, args) =>
    new PodTopologySpread(topology, defaultSelectors, args as PodTopologySpreadArgs | undefined),
  InterPodAffinity: ({ topology }, args) => new InterPodAffinity(topology, args as InterPodAffinityArgs | undefined),
  CheckpointLocality: ({ checkpointOf, restores }) => new CheckpointLocality({ checkpointOf, restores }),
  Interruption: ({ interruption }) => interruption,
  Gang: ({ strategies }) => strategies.gang(),
  FairShare: ({ strategies }, args) => strategies.fairShare(args as FairShareOptions | undefined),
  Backfill: ({ strategies }, args) => strategies.backfill(args as BackfillOptions | undefined),
  Reclaim: ({ strategies }, args) => strategies.reclaim(args as ReclaimOptions | undefined),
  Consolidation: ({ strategies, interruption }, args) =>
    strategies.consolidation(args as ConsolidationOptions | undefined, interruption),
};

/** Throws `ProfileInvalid` when the profile names a plugin there is not. */
export function pluginsOf(profile: Profile, context: PluginContext, others: PluginRegistry = {}): WeightedPlugin[] {
  const registry = { ...PLUGINS, ...others };
  return profile.plugins.map(({ name, weight = 1, phases }) => {
    const make = Object.hasOwn(registry, name) ? registry[name] : undefined;
    if (make === undefined) {
      throw new FermataError('ProfileInvalid', `scheduling profile names plugin "${name}", which does not exist`, {
        nextStep: `Use some of: ${Object.keys(registry).join(', ')}.`,
      });
    }
    const plugin = make(context, profile.args?.[name]);
    return { plugin, weight, ...(phases === undefined ? {} : { phases: new Set(phases) }) };
  });
}

/** Every plugin a profile may name. */
export function pluginNames(): string[] {
  return Object.keys(PLUGINS);
}
