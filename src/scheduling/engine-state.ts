import { FermataError, type PriorityClass } from '../model/index.ts';
import { Framework } from './framework/framework.ts';
import { NodeChooser, type NodeChooserOptions } from './framework/node-choice.ts';
import type { Gate, Plugin, QueuedPod } from './framework/phases.ts';
import { type PluginContext, type PluginRegistry, type Profile, pluginsOf } from './framework/profile.ts';
import { WaitingPods } from './framework/waiting-pods.ts';
import { Budgets } from './interruption/budgets.ts';
import { CheckpointLedger, sourceUIDOf, stopPhaseOf } from './interruption/checkpoint-ledger.ts';
import { CostModel } from './interruption/cost.ts';
import { Departures } from './interruption/departures.ts';
import { DumpHistory } from './interruption/dump-history.ts';
import { FactChanges } from './interruption/fact-changes.ts';
import { Interruption } from './interruption/interruption.ts';
import { InterruptionRecord } from './interruption/interruption-record.ts';
import { Orders } from './interruption/orders.ts';
import { Policies } from './interruption/policies.ts';
import { RestoreEstimate } from './interruption/restore-estimate.ts';
import { RestoreTraffic } from './interruption/restore-traffic.ts';
import { VictimGroups } from './interruption/victim-groups.ts';
import { VictimIndex } from './interruption/victim-index.ts';
import { VictimRules } from './interruption/victim-rules.ts';
import { NodeImages } from './plugins/image-locality.ts';
import { DefaultSelectors } from './plugins/spread/default-selector.ts';
import { TopologyIndex } from './plugins/topology/topology-index.ts';
import { VolumeIndexes } from './plugins/volumes/volume-indexes.ts';
import { type QueueOptions, type QueueRules, SchedulingQueue } from './queue/scheduling-queue.ts';
import { Cluster } from './snapshot/cluster.ts';
import type { PodInfo } from './snapshot/pod-info.ts';
import { Strategies } from './strategies.ts';

/** A profile at work. */
export interface ProfileRuntime {
  readonly framework: Framework;
  readonly chooser: NodeChooser;
}

export type StateOptions = Pick<NodeChooserOptions, 'random' | 'keptVerdicts' | 'explains'> &
  QueueOptions & { readonly plugins?: PluginRegistry | undefined };

/** Everything the engine remembers, wired together. */
export class EngineState {
  readonly cluster = new Cluster();
  /** Tells the interruption planner which of its facts went stale. */
  readonly changes = new FactChanges();
  readonly checkpoints = new CheckpointLedger(this.changes);
  readonly record = new InterruptionRecord(this.changes);
  readonly history = new DumpHistory(this.changes);
  readonly policies = new Policies(this.changes);
  readonly budgets = new Budgets();
  readonly orders = new Orders(this.changes);
  readonly priorityClasses = new Map<string, PriorityClass>();
  readonly costs = new CostModel({
    history: this.history,
    lastCheckpointOf: (workload) => this.checkpoints.newestReady(workload),
    changes: this.changes,
  });
  readonly waiting = new WaitingPods();
  readonly queue: SchedulingQueue;
  /** Gangs, backfill, fair share, reclaim and consolidation, as far as the profiles name them. */
  readonly strategies: Strategies;
  readonly #profiles = new Map<string, ProfileRuntime>();
  readonly #first: ProfileRuntime;

  /** @param profiles pods that name none of them belong to the first */
  constructor(profiles: readonly [Profile, ...Profile[]], options: StateOptions) {
    const topology = new TopologyIndex();
    const defaultSelectors = new DefaultSelectors(this.cluster.objects);
    const images = new NodeImages();
    const volumes = new VolumeIndexes(this.cluster.objects);
    for (const index of volumes.listeners) this.cluster.follow(index);
    this.cluster.follow(topology);
    this.cluster.follow(images);
    this.cluster.follow(defaultSelectors);
    const restores = new RestoreEstimate(this.history);
    const traffic = new RestoreTraffic(restores, (key) => this.checkpoints.get(key));
    this.cluster.follow(traffic);
    const groups = new VictimGroups();
    const departures = new Departures(this.checkpoints, this.orders);
    const rules = new VictimRules({
      policies: this.policies,
      record: this.record,
      memoryOf: (pod) => this.costs.memoryOf(pod),
    });
    this.strategies = new Strategies(this, rules, departures);
    const victims = new VictimIndex({
      departures,
      rules,
      costs: this.costs,
      nodeOf: (podUID) => this.cluster.node(this.cluster.placed(podUID)?.nodeName ?? ''),
      nodeNamed: (name) => this.cluster.node(name),
    });
    this.cluster.follow(groups);
    this.cluster.follow(victims);
    this.changes.follow(victims);
    const setUp = (profile: Profile): ProfileRuntime => {
      let framework: Framework | undefined;
      const interruption = new Interruption({
        framework: () => {
          if (framework === undefined) throw new RangeError('a profile was asked before it was set up');
          return framework;
        },
        priorityClassOf: (name) => (name === undefined ? undefined : this.priorityClasses.get(name)),
        space: this.cluster.space,
        budgets: this.budgets,
        groups,
        victims,
        costs: this.costs,
      });
      const context: PluginContext = {
        space: this.cluster.space,
        cluster: this.cluster,
        waiting: this.waiting,
        topology,
        images,
        volumes,
        defaultSelectors,
        checkpointOf: (key) => this.checkpoints.get(key),
        interruption,
        restores,
        traffic,
        strategies: this.strategies,
      };
      framework = new Framework(pluginsOf(profile, context, options.plugins));
      const { percentageOfNodesToScore } = profile;
      const chooser = new NodeChooser(framework, this.cluster, { ...options, percentageOfNodesToScore });
      const runtime = { framework, chooser };
      this.#profiles.set(profile.schedulerName ?? '', runtime);
      return runtime;
    };
    const [first, ...others] = profiles;
    this.#first = setUp(first);
    for (const profile of others) {
      const { queueSort } = setUp(profile).framework;
      const first = this.#first.framework.queueSort;
      if (queueSort === first) continue;
      throw new FermataError(
        'ProfileInvalid',
        `profile "${profile.schedulerName ?? ''}" orders the queue by ${queueSort ?? 'arrival'}, the first by ${first ?? 'arrival'}`,
        { nextStep: 'There is one queue: give all profiles the same queueSort plugin.' },
      );
    }
    const queueRules: QueueRules = {
      gateOf: (pod: PodInfo, now: number): Gate | undefined => this.profileOf(pod).framework.gateOf(pod, now),
      plugins: distinct([...this.#profiles.values()].flatMap(({ framework }) => framework.plugins)),
      less: (one: QueuedPod, other: QueuedPod): boolean => this.#first.framework.less(one, other),
    };
    this.queue = new SchedulingQueue(queueRules, options);
  }

  /** The profile that decides about the pod, by its `schedulerName`. */
  profileOf({ template }: PodInfo): ProfileRuntime {
    if (this.#profiles.size === 1) return this.#first;
    return this.#profiles.get(template.spec.schedulerName ?? '') ?? this.#first;
  }

  /** Whether a pod that is gone, or ended, still has its room: it was told to stop and nobody confirmed it free. */
  isHeld(podUID: string): boolean {
    return this.checkpoints.holding(podUID) !== undefined || this.orders.actionOn(podUID) === 'Checkpoint';
  }

  /**
   * Whether room is being made for the pod: an order is out, a PodCheckpoint on its behalf has not come to its end, or a
   * pod preempted on its node is terminating (kube-scheduler's rule). Rests on API objects alone but for the orders.
   */
  isRoomBeingMadeFor(podUID: string): boolean {
    if (this.orders.pendingFor(podUID)) return true;
    for (const checkpoint of this.checkpoints.forPreemptor(podUID)) {
      const phase = stopPhaseOf(checkpoint);
      // Watches of two kinds are not in step: the release may be seen before the deletion it followed.
      const source = sourceUIDOf(checkpoint);
      if (phase === 'UnderWay') return true;
      if (phase === 'Released' && source !== undefined && this.cluster.placed(source) !== undefined) return true;
    }
    const nominated = this.cluster.nominationOf(podUID);
    const node = nominated === undefined ? undefined : this.cluster.node(nominated);
    const priority = this.queue.get(podUID)?.info.priority;
    if (node === undefined || priority === undefined) return false;
    for (const other of node.pods.values()) {
      if (other.priority < priority && other.terminatingUntil !== undefined && other.preemptedByScheduler) return true;
    }
    return false;
  }
}

/** One of each name: what an event can help with does not differ between profiles. */
function distinct(plugins: readonly Plugin[]): Plugin[] {
  return [...new Map(plugins.map((plugin) => [plugin.name, plugin])).values()];
}
