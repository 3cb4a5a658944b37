import type { Cycle } from '../framework/cycle.ts';
import type { Framework } from '../framework/framework.ts';
import type { FilterPlugin, QueuedPod, Rejection } from '../framework/phases.ts';
import type { Cluster } from '../snapshot/cluster.ts';
import { ClusterTrial } from '../snapshot/cluster-trial.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { durationOf, STARTUP_MS } from './expected-end.ts';
import { NodeTimeline, type Occupancy } from './node-timeline.ts';
import type { Reservation } from './reservations.ts';

/** What placing a gang at a later time needs of the engine. */
export interface GangPlacingWays {
  /** Prepares a pod's cycle, as things stand in a trial. */
  readonly begin: (pod: QueuedPod) => {
    readonly cycle: Cycle;
    readonly filters: readonly FilterPlugin[];
    readonly rejectedByAll: Rejection | undefined;
  };
  readonly now: number;
}

export interface GangPlacingDependencies {
  readonly cluster: Cluster;
  readonly frameworkOf: (pod: PodInfo) => Framework;
  /** When a placed pod gives its room back, ms since the epoch; Infinity: nobody knows. */
  readonly endOf: (pod: PodInfo) => number;
  /** The filter that is not asked: it speaks of now. */
  readonly except: FilterPlugin;
}

type Places = [Reservation, ...Reservation[]];

/** Verdicts about nodes that one search may take: a tenth of a second or so. */
const MOST_VERDICTS = 200_000;

/** Finds the first instant at which several pods have room at once, by the known ends of those that have it now. */
export class GangPlacing {
  readonly #dependencies: GangPlacingDependencies;

  constructor(dependencies: GangPlacingDependencies) {
    this.#dependencies = dependencies;
  }

  /** The places of `needed` of the members at that instant; undefined: none is known, or it is too far off to be found. */
  earliest(
    members: readonly QueuedPod[],
    needed: number,
    { begin, now, respected }: GangPlacingWays & { respected: readonly Reservation[] },
  ): Places | undefined {
    const { cluster } = this.#dependencies;
    const ends = this.#endsAfter(now);
    const starts = new Set(ends.map(({ at }) => at));
    for (const { until } of respected) if (until > now && until !== Infinity) starts.add(until);
    const most = Math.max(1, Math.floor(MOST_VERDICTS / Math.max(1, members.length * cluster.nodes.length)));
    const trial = new ClusterTrial(cluster);
    let next = 0;
    try {
      for (const at of [...starts].sort((one, other) => one - other).slice(0, most)) {
        for (; (ends[next]?.at ?? Infinity) <= at; next++) {
          const pod = ends[next]?.pod;
          if (pod !== undefined) trial.takeAway(pod);
        }
        const places = this.#placeAt(at, members, needed, { begin, respected });
        if (places !== undefined) return places;
      }
      return undefined;
    } finally {
      trial.undo();
    }
  }

  #endsAfter(now: number): { at: number; pod: PodInfo }[] {
    const ends: { at: number; pod: PodInfo }[] = [];
    for (const node of this.#dependencies.cluster.nodes) {
      for (const pod of node.pods.values()) {
        const at = this.#dependencies.endOf(pod);
        if (at > now && at !== Infinity) ends.push({ at, pod });
      }
    }
    return ends.sort((one, other) => one.at - other.at || (one.pod.uid < other.pod.uid ? -1 : 1));
  }

  /** One member after the other on the first node that can take it then; nothing stays placed. */
  #placeAt(
    at: number,
    members: readonly QueuedPod[],
    needed: number,
    { begin, respected }: { begin: GangPlacingWays['begin']; respected: readonly Reservation[] },
  ): Places | undefined {
    const { cluster, except, frameworkOf } = this.#dependencies;
    const placed = new Map<string, Reservation>();
    const trial = new ClusterTrial(cluster);
    try {
      for (const member of members) {
        if (placed.size >= needed) break;
        const { cycle, filters, rejectedByAll } = begin(member);
        if (rejectedByAll !== undefined) continue;
        const until = at + STARTUP_MS + durationOf(member.info);
        const others = filters.filter((plugin) => plugin !== except);
        const node = cluster.nodes.find(
          (one) =>
            frameworkOf(member.info).filter(cycle, one, others) === undefined &&
            this.#timeline(one, placed, respected).fits(member.info.requests, at, until),
        );
        if (node === undefined) continue;
        trial.place(member.info, node);
        placed.set(member.info.uid, { holder: member, node, at, until });
      }
    } finally {
      trial.undo();
    }
    const [first, ...rest] = placed.values();
    return first === undefined || placed.size < needed ? undefined : [first, ...rest];
  }

  #timeline(node: NodeInfo, placed: ReadonlyMap<string, Reservation>, respected: readonly Reservation[]): NodeTimeline {
    const occupancies: Occupancy[] = [];
    for (const pod of node.pods.values()) {
      const until = placed.has(pod.uid) ? Infinity : this.#dependencies.endOf(pod);
      occupancies.push({ requests: pod.requests, from: -Infinity, until });
    }
    for (const { node: reserved, holder, at, until } of respected) {
      if (reserved === node) occupancies.push({ requests: holder.info.requests, from: at, until });
    }
    return new NodeTimeline(node.allocatable, occupancies);
  }
}
