import { Backfill } from './backfill/backfill.ts';
import type { BackfillOptions } from './backfill/backfill-dependencies.ts';
import { Consolidation, type ConsolidationOptions } from './consolidation/consolidation.ts';
import type { NodeEmptying } from './consolidation/node-emptying.ts';
import type { Decision } from './contract.ts';
import type { EngineState } from './engine-state.ts';
import { DEFAULT_HALF_LIFE_SECONDS, FairShare, type FairShareOptions } from './fair-share/fair-share.ts';
import { NamespaceUsage } from './fair-share/namespace-usage.ts';
import { GangScheduling } from './gang/gang.ts';
import { PodGroups } from './gang/pod-groups.ts';
import type { Departures } from './interruption/departures.ts';
import type { Interruption } from './interruption/interruption.ts';
import type { Permission, VictimRules } from './interruption/victim-rules.ts';
import { Reclaim, type ReclaimOptions } from './reclaim/reclaim.ts';
import type { PodInfo } from './snapshot/pod-info.ts';

type State = Pick<
  EngineState,
  'cluster' | 'queue' | 'costs' | 'record' | 'orders' | 'checkpoints' | 'budgets' | 'profileOf'
>;

/**
 * What goes beyond kube-scheduler and concerns the cluster as a whole: gangs, backfill, fair share, reclaim, consolidation. Of
 * each there is at most one, however many profiles name it: all pods share the same nodes, reservations and fair shares. The
 * arguments of the first profile that names one hold.
 */
export class Strategies {
  readonly groups: PodGroups;
  readonly #state: State;
  readonly #rules: VictimRules;
  readonly #departures: Departures;
  #now = 0;
  #gang: GangScheduling | undefined;
  #backfill: Backfill | undefined;
  #fairShare: FairShare | undefined;
  #reclaim: Reclaim | undefined;
  #consolidation: Consolidation | undefined;

  constructor(state: State, rules: VictimRules, departures: Departures) {
    this.#state = state;
    this.#rules = rules;
    this.#departures = departures;
    this.groups = new PodGroups(state.cluster.objects, (key) => state.checkpoints.returningWith(key));
    state.cluster.follow(this.groups);
  }

  /** The time of what is being taken in or decided, for those that count time. */
  advance(now: number): void {
    this.#now = now;
  }

  /** Before a pass: promises that fell, and the order of the queue where it follows what was used. */
  begin(now: number): void {
    this.#now = now;
    this.#backfill?.begin(now);
    if (this.#fairShare !== undefined) this.#state.queue.reorder((pods) => this.#fairShare?.rank(pods, now));
  }

  /** Whether gangs are decided about as such. */
  get hasGangs(): boolean {
    return this.#gang !== undefined;
  }

  get reserving(): Backfill | undefined {
    return this.#backfill;
  }

  get reclaiming(): Reclaim | undefined {
    return this.#reclaim;
  }

  get emptying(): NodeEmptying | undefined {
    return this.#consolidation?.emptying;
  }

  /** The decision with what the pod's place in the queue rested on. */
  withOrder(decision: Decision, now: number): Decision {
    const order = this.#fairShare?.describe(decision.pod.namespace, now);
    return order === undefined ? decision : { ...decision, explanation: { ...decision.explanation, order } };
  }

  /** When time alone makes a pass worth it, ms since the epoch; Infinity: never. */
  nextDue(): number {
    return Math.min(
      this.#reclaim?.nextSweep() ?? Infinity,
      this.#backfill?.nextDue() ?? Infinity,
      this.emptying?.nextTurn() ?? Infinity,
    );
  }

  isLeaving(pod: PodInfo): boolean {
    return this.#departures.of(pod) !== undefined;
  }

  gang(): GangScheduling {
    this.#gang ??= new GangScheduling(this.groups);
    return this.#gang;
  }

  backfill(options: BackfillOptions | undefined): Backfill {
    const { cluster, costs } = this.#state;
    if (this.#backfill === undefined) {
      this.#backfill = new Backfill(
        {
          cluster,
          costs,
          rules: this.#rules,
          frameworkOf: (pod) => this.#state.profileOf(pod).framework,
          less: (one, other) => this.#state.profileOf(one.info).framework.less(one, other),
          entryOf: (podUID) => this.#state.queue.get(podUID),
          activate: (podUID, now) => this.#state.queue.activate(podUID, now),
        },
        options,
      );
      cluster.follow(this.#backfill);
    }
    return this.#backfill;
  }

  fairShare(options: FairShareOptions | undefined): FairShare {
    if (this.#fairShare === undefined) {
      const { halfLifeSeconds = DEFAULT_HALF_LIFE_SECONDS } = options ?? {};
      const halfLifeMs = halfLifeSeconds > 0 ? halfLifeSeconds * 1_000 : Infinity;
      const usage = new NamespaceUsage(halfLifeMs, () => this.#now);
      this.#state.cluster.follow(usage);
      this.#fairShare = new FairShare(usage, options);
    }
    return this.#fairShare;
  }

  reclaim(options: ReclaimOptions | undefined): Reclaim {
    const { cluster, costs, record } = this.#state;
    if (this.#reclaim === undefined) {
      this.#reclaim = new Reclaim(
        {
          costOf: (pod, node) => costs.checkpointCost(pod, node, 1).cost,
          isLeaving: (pod) => this.isLeaving(pod),
          canDump: (pod, now) => this.#canDump(pod, now),
          protectionOf: (workload, now) => record.protectionOf(workload, now),
        },
        options,
      );
      cluster.follow(this.#reclaim);
    }
    return this.#reclaim;
  }

  consolidation(options: ConsolidationOptions | undefined, interruption: Interruption): Consolidation {
    const { cluster, costs, budgets } = this.#state;
    this.#consolidation ??= new Consolidation(
      {
        frameworkOf: (pod) => this.#state.profileOf(pod).framework,
        cluster,
        costs,
        budgets,
        rules: this.#rules,
        modeOf: (pod) => interruption.modeOf(pod),
        isLeaving: (pod) => this.isLeaving(pod),
      },
      options,
    );
    return this.#consolidation;
  }

  /** What may be done to the pod by checkpoint. */
  permissionFor(pod: PodInfo, now: number): Permission {
    return this.#rules.permissionFor(pod, 'CheckpointLowerPriority', now);
  }

  /** An opportunistic pod has agreed to go at any time: only what makes a dump impossible counts, not how long it ran. */
  #canDump(pod: PodInfo, now: number): boolean {
    const permission = this.permissionFor(pod, now);
    if (permission.checkpoint) return true;
    return pod.running && permission.retryAt !== undefined && permission.dumpFailure === undefined;
  }
}
