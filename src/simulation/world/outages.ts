import type { Random } from '../../clock/index.ts';
import { capacityOf, type World } from './world.ts';

/** Nodes that go away for a while. */
export interface Outage {
  readonly at: number;
  /** `failure`: without warning. `drain`: planned; whoever can be checkpointed is, before the node goes. */
  readonly cause: 'failure' | 'drain';
  readonly nodes: readonly number[];
  /** In a pool: the processor that fails; whoever holds it fails with it. */
  readonly processor: number;
  /** How long nothing can be placed there. */
  readonly seconds: number;
}

/** A source of outages that goes on for ever; undefined: it has none. */
export type OutageSource = (now: number) => Outage | undefined;

/** Failures of nodes, of racks, and drain windows, as far as the world has them. Each is asked for its next after the last. */
export function outageSources(world: World, random: Random): readonly OutageSource[] {
  const { costs, isPool } = world;
  const after = (now: number, mean: number): number => now - Math.log(1 - random()) * mean;
  const away = costs.nodeRepairSeconds + costs.bootSeconds;

  const failure: OutageSource = (now) => {
    if (costs.nodeMtbfSeconds === Infinity) return undefined;
    const units = isPool ? capacityOf(world) : world.nodes.length;
    const at = after(now, costs.nodeMtbfSeconds / units);
    const unit = Math.floor(random() * units);
    const common = { at, cause: 'failure', seconds: away } as const;
    return isPool ? { ...common, nodes: [0], processor: unit } : { ...common, nodes: [unit], processor: 0 };
  };

  const rackOf = (rack: number): number[] =>
    world.nodes.map((_, node) => node).slice(rack * costs.rackNodes, (rack + 1) * costs.rackNodes);
  const rackFailure: OutageSource = (now) => {
    if (costs.rackMtbfSeconds === Infinity || isPool) return undefined;
    const racks = Math.ceil(world.nodes.length / costs.rackNodes);
    const at = after(now, costs.rackMtbfSeconds / racks);
    return { at, cause: 'failure', nodes: rackOf(Math.floor(random() * racks)), processor: 0, seconds: away };
  };

  let drained = 0;
  const drain: OutageSource = () => {
    if (costs.drainEverySeconds === Infinity || isPool) return undefined;
    const node = drained % world.nodes.length;
    drained++;
    const at = (drained * costs.drainEverySeconds) / world.nodes.length;
    return { at, cause: 'drain', nodes: [node], processor: 0, seconds: costs.drainSeconds + costs.bootSeconds };
  };
  return [failure, rackFailure, drain];
}
