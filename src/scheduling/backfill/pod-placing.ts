import type { Cycle } from '../framework/cycle.ts';
import type { Framework } from '../framework/framework.ts';
import type { FilterPlugin, Impasse, QueuedPod } from '../framework/phases.ts';
import { Trial } from '../interruption/select-victims.ts';
import type { Cluster } from '../snapshot/cluster.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { durationOf, STARTUP_MS } from './expected-end.ts';
import { NodeTimeline } from './node-timeline.ts';
import type { Occupants } from './occupants.ts';
import type { Reservation } from './reservations.ts';
import { StartBounds } from './start-bounds.ts';

export interface PodPlacingDependencies {
  readonly cluster: Cluster;
  readonly occupants: Occupants;
  readonly frameworkOf: (pod: PodInfo) => Framework;
  /** Backfill's own filter, which speaks of promises: they are counted here already. */
  readonly except: FilterPlugin;
}

/** Finds the first instant at which a pod has room somewhere, by the known ends of those that have it now. */
export class PodPlacing {
  readonly #dependencies: PodPlacingDependencies;
  readonly #bounds: StartBounds;

  constructor(dependencies: PodPlacingDependencies) {
    this.#dependencies = dependencies;
    this.#bounds = new StartBounds(dependencies.cluster, dependencies.occupants);
  }

  /** The first start on any node that known ends allow, and the promises in `respected`. */
  earliest(
    cycle: Cycle,
    { nodes, rejections, filters }: Impasse,
    entry: QueuedPod,
    respected: readonly Reservation[],
  ): Reservation | undefined {
    const bounds = this.#bounds.of(cycle.pod);
    const startOn = (index: number, before: number): Reservation | undefined => {
      const node = nodes[index];
      const rejection = rejections[index];
      if (
        node === undefined ||
        (rejection?.resolvable !== true && rejection?.plugin !== this.#dependencies.except.name)
      )
        return undefined;
      return this.#startOn(cycle, node, { filters, entry, respected, before });
    };
    // Where it looks best is asked first: what is found there spares most of the others a closer look.
    let least = 0;
    for (let index = 1; index < bounds.length; index++) {
      if ((bounds[index] ?? Infinity) < (bounds[least] ?? Infinity)) least = index;
    }
    const atMost = startOn(least, Infinity)?.at ?? Infinity;
    let best: Reservation | undefined;
    for (let index = 0; index < nodes.length; index++) {
      const bound = bounds[index] ?? Infinity;
      if (bound === Infinity || bound > atMost) continue;
      best = startOn(index, best?.at ?? Infinity) ?? best;
    }
    return best;
  }

  /** The first start on the node; undefined: none is known that comes before `before`. */
  #startOn(
    cycle: Cycle,
    node: NodeInfo,
    {
      filters,
      entry,
      respected,
      before,
    }: { filters: readonly FilterPlugin[]; entry: QueuedPod; respected: readonly Reservation[]; before: number },
  ): Reservation | undefined {
    const { pod, now } = cycle;
    const duration = STARTUP_MS + durationOf(pod);
    const occupancies = this.#dependencies.occupants.of(node, now, { exceptUID: pod.uid, forEntry: entry });
    for (const { node: reserved, holder, at, until } of respected) {
      if (reserved === node) occupancies.push({ requests: holder.info.requests, from: at, until });
    }
    const timeline = new NodeTimeline(node.allocatable, occupancies);
    for (const at of timeline.starts(now)) {
      if (at <= now) continue;
      if (at >= before) break;
      const start = { holder: entry, node, at, until: at + duration };
      if (timeline.fits(pod.requests, at, start.until) && this.#fitsOnceEnded(cycle, start, filters)) return start;
    }
    return undefined;
  }

  /** Whether the other filters let the pod in once those are gone that end until then. */
  #fitsOnceEnded(cycle: Cycle, { node, at, holder }: Reservation, filters: readonly FilterPlugin[]): boolean {
    const trial = this.trial(cycle, node, filters);
    try {
      for (const pod of node.pods.values())
        if (this.#dependencies.occupants.endFor(pod, cycle.now, holder) <= at) trial.remove(pod);
      return trial.rejection() === undefined;
    } finally {
      trial.restore();
    }
  }

  /** Who can be taken away from the node to try the pod there, by all filters but backfill's. */
  trial(cycle: Cycle, node: NodeInfo, filters: readonly FilterPlugin[]): Trial {
    const others = filters.filter((plugin) => plugin !== this.#dependencies.except);
    return new Trial(this.#dependencies.frameworkOf(cycle.pod), cycle, others, node);
  }
}
