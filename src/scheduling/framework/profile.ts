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
import type { ResourceSpace } from '../snapshot/resource-space.ts';
import type { WeightedPlugin } from './framework.ts';
import type { Plugin } from './phases.ts';

/** Which plugins decide, in the order they run, and what their scores weigh. */
export interface Profile {
  readonly plugins: readonly { readonly name: string; readonly weight?: number }[];
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
  /** Pods by domain; follows the cluster. */
  topology: TopologyIndex;
  /** What Services and controllers select; follows the cluster. */
  defaultSelectors: DefaultSelectors;
  checkpointOf: (key: string) => PodCheckpoint | undefined;
  interruption: Interruption;
}

const PLUGINS: Readonly<Record<string, (context: PluginContext) => Plugin>> = {
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
  return profile.plugins.map(({ name, weight = 1 }) => {
    const make = Object.hasOwn(PLUGINS, name) ? PLUGINS[name] : undefined;
    if (make === undefined) {
      throw new FermataError('ProfileInvalid', `scheduling profile names plugin "${name}", which does not exist`, {
        nextStep: `Use some of: ${Object.keys(PLUGINS).join(', ')}.`,
      });
    }
    return { plugin: make(context), weight };
  });
}
