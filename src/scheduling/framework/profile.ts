import { FermataError, type PodCheckpoint } from '../../model/index.ts';
import type { Interruption } from '../interruption/interruption.ts';
import { CheckpointLocality } from '../plugins/checkpoint-locality.ts';
import { InterPodAffinity } from '../plugins/inter-pod-affinity.ts';
import { NodeAffinity } from '../plugins/node-affinity.ts';
import { NodeName } from '../plugins/node-name.ts';
import { NodeReady } from '../plugins/node-ready.ts';
import { NodeResourcesFit } from '../plugins/node-resources-fit.ts';
import { NodeUnschedulable } from '../plugins/node-unschedulable.ts';
import { PodTopologySpread } from '../plugins/pod-topology-spread.ts';
import { PrioritySort } from '../plugins/priority-sort.ts';
import { RestoreBackoff } from '../plugins/restore-backoff.ts';
import { SchedulingGates } from '../plugins/scheduling-gates.ts';
import type { DefaultSelectors } from '../plugins/spread/default-selector.ts';
import { TaintToleration } from '../plugins/taint-toleration.ts';
import type { TopologyIndex } from '../plugins/topology/topology-index.ts';
import type { Cluster } from '../snapshot/cluster.ts';
import type { ResourceSpace } from '../snapshot/resource-space.ts';
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
    { name: 'RestoreBackoff', weight: 10_000 },
    { name: 'NodeUnschedulable' },
    { name: 'NodeReady' },
    { name: 'NodeName' },
    { name: 'TaintToleration', weight: 3 },
    { name: 'NodeAffinity', weight: 2 },
    { name: 'NodeResourcesFit', weight: 1 },
    { name: 'PodTopologySpread', weight: 2 },
    { name: 'InterPodAffinity', weight: 2 },
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
  /** What Services and controllers select; follows the cluster. */
  defaultSelectors: DefaultSelectors;
  checkpointOf: (key: string) => PodCheckpoint | undefined;
  interruption: Interruption;
}

const PLUGINS: Readonly<Record<string, (context: PluginContext, args: unknown) => Plugin>> = {
  PrioritySort: () => new PrioritySort(),
  SchedulingGates: () => new SchedulingGates(),
  RestoreBackoff: () => new RestoreBackoff(),
  NodeUnschedulable: () => new NodeUnschedulable(),
  NodeReady: () => new NodeReady(),
  NodeName: () => new NodeName(),
  TaintToleration: () => new TaintToleration(),
  NodeAffinity: () => new NodeAffinity(),
  NodeResourcesFit: ({ space }) => new NodeResourcesFit(space),
  PodTopologySpread: ({ topology, defaultSelectors }) => new PodTopologySpread(topology, defaultSelectors),
  InterPodAffinity: ({ topology }) => new InterPodAffinity(topology),
  CheckpointLocality: ({ checkpointOf }) => new CheckpointLocality(checkpointOf),
  Interruption: ({ interruption }) => interruption,
};

/** Throws `ProfileInvalid` when the profile names a plugin there is not. */
export function pluginsOf(profile: Profile, context: PluginContext): WeightedPlugin[] {
  return profile.plugins.map(({ name, weight = 1, phases }) => {
    const make = Object.hasOwn(PLUGINS, name) ? PLUGINS[name] : undefined;
    if (make === undefined) {
      throw new FermataError('ProfileInvalid', `scheduling profile names plugin "${name}", which does not exist`, {
        nextStep: `Use some of: ${pluginNames().join(', ')}.`,
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
