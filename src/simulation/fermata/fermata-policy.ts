import { type Pod, type PodCheckpoint, VACATE_BY_ANNOTATION } from '../../model/index.ts';
import { type ClusterEvent, type Decision, Engine, type VictimDecision } from '../../scheduling/index.ts';
import type { Stage } from '../world/stage.ts';
import { isCheckpointable, priorityOf, type Work, workOf } from '../world/work.ts';
import type { WorldPolicy } from '../world/world-policy.ts';
import { profileFor } from './capabilities.ts';
import {
  boundPod,
  checkpointObject,
  classObject,
  EPOCH,
  engineTime,
  failedCheckpoint,
  groupObject,
  nodeObject,
  podObject,
  policyObjects,
  readyCheckpoint,
  releasedCheckpoint,
  runningPod,
  storedCheckpoint,
} from './objects.ts';
import { PodSpecs } from './pod-specs.ts';
import { TimedOrders, type TimedOrdersOptions } from './timed-orders.ts';
import { memoryOf, piecesOf, UsageReports } from './usage-reports.ts';

export interface FermataOptions extends TimedOrdersOptions {
  /** Priority from which a job may interrupt others. */
  readonly preemptsFrom: number;
}

/** A job as the engine knows it. */
interface Known {
  readonly work: Work;
  incarnation: number;
  /** One a task; in a pool one in all. */
  pods: Pod[];
  bound: number;
  /** Of the dump under way, one a pod. */
  asked: PodCheckpoint[];
  /** Of the newest complete dump. */
  newest: PodCheckpoint[];
}

/** As the engine has it by default. */
const FLUSH_MILLISECONDS = 300_000;
/** How soon after a pass the engine is asked again when it says "at once", seconds: a millisecond. */
const TICK_SECONDS = 0.001;

/**
 * Drives the engine that schedules in a cluster: tells it of pods, nodes and checkpoints as an API server would, and carries
 * out on the stage what it decides.
 */
export class FermataPolicy implements WorldPolicy {
  readonly #stage: Stage;
  readonly #options: FermataOptions;
  readonly #engine: Engine;
  readonly #known = new Map<number, Known>();
  readonly #byUID = new Map<string, Known>();
  readonly #nodeIndex: ReadonlyMap<string, number>;
  readonly #classes = new Set<number>();
  #checkpoints = 0;
  #lastPass = -Infinity;
  readonly #specs = new PodSpecs();
  readonly #usage: UsageReports;
  readonly #timed: TimedOrders;
  /**
   * That pods run now, as nodes report it. Nobody finds room by it, so it is told with the next event: to look at all that waits
   * once more at every start would double the work.
   */
  #news: ClusterEvent[] = [];

  constructor(stage: Stage, options: FermataOptions) {
    this.#stage = stage;
    this.#options = options;
    const { world } = stage;
    const hasGuests = stage.jobs.some(
      (job, index) => job.isOpportunistic && this.#mayBeGuest(workOf(job, index, world)),
    );
    this.#engine = new Engine({
      profile: profileFor(options.capabilities, world.isPool, hasGuests),
      // Whoever an event may help is looked at in that very instant, as the other policies do.
      backoff: { initialMilliseconds: 0, maxMilliseconds: 0 },
      // A safety net against events that were missed: here none are, and what waits is tried by the thousand. But that room is
      // no longer used is no event: who waits for that is tried with it.
      flushMilliseconds: hasGuests ? FLUSH_MILLISECONDS : Infinity,
      // Batch jobs come in many shapes; on 10,000 nodes the engine's default would hold fewer than there are, and begin anew.
      keptVerdicts: 2_000_000,
      explains: false,
    });
    this.#usage = new UsageReports(stage, (work, usage) => {
      for (const { metadata } of this.#known.get(work.index)?.pods ?? []) {
        this.#tell({ type: 'UsageObserved', uid: metadata.uid, ...usage });
      }
    });
    this.#timed = new TimedOrders(stage, options, (work, reason) => {
      const known = this.#known.get(work.index);
      if (known === undefined) return;
      this.#forgetDump(known);
      this.#ask(known, stage.now, { reason, state: reason === 'Idle' ? 'Stopped' : 'Running' });
    });
    this.#nodeIndex = new Map(world.nodes.map(({ name }, index) => [name, index]));
    for (const node of world.nodes) this.#tell({ type: 'NodeChanged', node: nodeObject(node) });
    const onPreemption = options.capabilities.has('checkpoint') ? 'Checkpoint' : 'Terminate';
    for (const policy of policyObjects(onPreemption)) this.#tell({ type: 'InterruptionPolicyChanged', policy });
  }

  submitted(work: Work): void {
    const known: Known = { work, incarnation: 0, pods: [], bound: 0, asked: [], newest: [] };
    this.#known.set(work.index, known);
    this.#announceClass(priorityOf(work));
    if (this.#mayBeGuest(work)) {
      work.isGuest = true;
      this.#usage.guestCame();
    }
    if (this.#isGang(work)) this.#tell({ type: 'ObjectChanged', object: groupObject(work, work.shape.tasks) });
    this.#enqueue(known);
  }

  ended(work: Work): void {
    const known = this.#known.get(work.index);
    if (known === undefined) return;
    for (const pod of known.pods) {
      this.#tell({ type: 'PodDeleted', pod });
      this.#byUID.delete(pod.metadata.uid);
    }
    for (const checkpoint of known.newest) this.#tell({ type: 'CheckpointDeleted', checkpoint });
    if (this.#isGang(work)) this.#tell({ type: 'ObjectDeleted', object: groupObject(work, work.shape.tasks) });
    this.#known.delete(work.index);
    if (work.isGuest) this.#usage.guestWent();
  }

  began(work: Work, now: number): void {
    const known = this.#known.get(work.index);
    if (known === undefined) return;
    const memory = memoryOf(work, this.#stage.world, now);
    known.pods = known.pods.map((pod) => runningPod(pod, now));
    for (const pod of known.pods) {
      const { uid } = pod.metadata;
      this.#news.push({ type: 'PodChanged', pod }, { type: 'UsageObserved', uid, ...memory });
    }
    this.#timed.began(work);
    this.#usage.began(work);
  }

  dumped(work: Work, now: number): void {
    const known = this.#known.get(work.index);
    if (known === undefined) return;
    const bytes = work.savedBytes / piecesOf(work, this.#stage.world);
    const old = known.newest;
    known.newest = known.asked.map((asked) => {
      const seconds = (engineTime(now) - Date.parse(asked.status?.startTime ?? '')) / 1_000;
      return readyCheckpoint(asked, now, { seconds, bytes });
    });
    known.asked = [];
    for (const checkpoint of known.newest) this.#tell({ type: 'CheckpointChanged', checkpoint });
    for (const checkpoint of old) this.#tell({ type: 'CheckpointDeleted', checkpoint });
    if (work.phase === 'running') {
      this.#timed.began(work);
      return;
    }
    this.#deletePods(known);
    this.#changeNewest(known, releasedCheckpoint);
    if (work.phase === 'waiting') this.#enqueue(known);
  }

  woken(work: Work): void {
    const known = this.#known.get(work.index);
    if (known !== undefined) this.#enqueue(known);
  }

  stored(work: Work, now: number): void {
    const known = this.#known.get(work.index);
    if (known === undefined) return;
    const bytes = work.savedBytes / piecesOf(work, this.#stage.world);
    this.#changeNewest(known, (checkpoint) => storedCheckpoint(checkpoint, now, bytes));
  }

  dumpFailed(work: Work, now: number): void {
    const known = this.#known.get(work.index);
    if (known === undefined) return;
    for (const asked of known.asked) {
      const checkpoint = failedCheckpoint(asked, now);
      this.#tell({ type: 'CheckpointChanged', checkpoint });
      this.#tell({ type: 'CheckpointDeleted', checkpoint });
    }
    known.asked = [];
    this.#timed.dumpFailed(work);
  }

  interrupted(work: Work): void {
    const known = this.#known.get(work.index);
    if (known === undefined) return;
    this.#forgetDump(known);
    this.#deletePods(known);
    this.#enqueue(known);
  }

  drained(work: Work, now: number): boolean {
    const known = this.#known.get(work.index);
    if (known === undefined || !this.#options.capabilities.has('drain')) return false;
    if (!this.#stage.dump(work, 'migrate')) return false;
    this.#forgetDump(known);
    this.#ask(known, now, { reason: 'Drain', state: 'Stopped' });
    return true;
  }

  nodeChanged(node: number): void {
    const one = this.#stage.world.nodes[node];
    if (one === undefined) return;
    const isDown = this.#stage.room.down[node] === 1;
    this.#tell({ type: isDown ? 'NodeDeleted' : 'NodeChanged', node: nodeObject(one) });
  }

  pass(now: number): void {
    this.#lastPass = now;
    this.#tellNews();
    for (const decision of this.#engine.decide(engineTime(now))) {
      if (decision.type === 'Bind') this.#bind(decision);
      else if (decision.type === 'Interrupt') this.#interrupt(decision, now);
      else if (decision.type === 'Reclaim') {
        const { victim, orderedBy } = decision;
        const known = this.#byUID.get(victim.pod.uid);
        if (known !== undefined) this.#carryOut(known, victim, { orderedBy, reason: 'Preemption', now });
      }
    }
  }

  nextWakeup(): number {
    const wakeup = this.#engine.nextWakeup();
    if (wakeup === undefined) return Infinity;
    return Math.max((wakeup - EPOCH) / 1_000, this.#lastPass + TICK_SECONDS);
  }

  #tell(event: ClusterEvent): void {
    this.#tellNews();
    this.#engine.observe(event, engineTime(this.#stage.now));
  }

  #tellNews(): void {
    const news = this.#news;
    if (news.length === 0) return;
    this.#news = [];
    for (const event of news) this.#engine.observe(event, engineTime(this.#stage.now));
  }

  /** One pod without GPUs, that can be checkpointed at any time. */
  #mayBeGuest(work: Work): boolean {
    const { job, shape } = work;
    if (job.isOpportunistic !== true || this.#stage.world.isPool || shape.tasks > 1 || shape.gpuMillis > 0)
      return false;
    const { capabilities } = this.#options;
    return capabilities.has('reclaim') && capabilities.has('checkpoint') && isCheckpointable(work);
  }

  #isGang({ shape }: Work): boolean {
    return !this.#stage.world.isPool && shape.tasks > 1;
  }

  #announceClass(priority: number): void {
    if (this.#classes.has(priority)) return;
    this.#classes.add(priority);
    const { preemptsFrom, capabilities } = this.#options;
    const mode = priority < preemptsFrom ? 'nothing' : capabilities.has('checkpoint') ? 'checkpoint' : 'kill';
    this.#tell({ type: 'PriorityClassChanged', priorityClass: classObject(priority, mode) });
  }

  /** Makes the pods of the next incarnation. */
  #enqueue(known: Known): void {
    const { work } = known;
    const { isPool } = this.#stage.world;
    known.incarnation++;
    known.bound = 0;
    const isGang = this.#isGang(work);
    const [pods, cpuMillicores] = isPool
      ? [1, Math.round(work.job.processors * 1_000)]
      : [work.shape.tasks, work.shape.cpuMillicores];
    known.pods = Array.from({ length: pods }, (_, task) => {
      const restoreFrom = work.savedSeconds > 0 ? known.newest[task]?.metadata.name : undefined;
      return podObject(work, {
        task,
        incarnation: known.incarnation,
        spec: this.#specs.of(work, cpuMillicores),
        createdSeconds: this.#stage.now,
        doneSeconds: work.savedSeconds,
        ...(restoreFrom === undefined ? {} : { restoreFrom }),
        isGang,
      });
    });
    for (const pod of known.pods) {
      this.#byUID.set(pod.metadata.uid, known);
      this.#tell({ type: 'PodChanged', pod });
    }
  }

  #deletePods(known: Known): void {
    for (const pod of known.pods) {
      this.#byUID.delete(pod.metadata.uid);
      this.#tell({ type: 'PodDeleted', pod });
    }
    known.pods = [];
  }

  #bind({ pod: { uid }, nodeName, preBind = [] }: Extract<Decision, { type: 'Bind' }>): void {
    const known = this.#byUID.get(uid);
    const node = this.#nodeIndex.get(nodeName);
    if (known === undefined || node === undefined) return;
    const { work } = known;
    const task = known.pods.findIndex(({ metadata }) => metadata.uid === uid);
    const pod = known.pods[task];
    if (pod === undefined) return;
    const bound = boundPod(pod, nodeName, vacateByOf(preBind));
    known.pods[task] = bound;
    this.#stage.acquire(work, node, this.#stage.world.isPool ? work.shape.tasks : 1);
    known.bound++;
    const isWhole = known.bound === known.pods.length;
    // What begins at once is seen running only.
    if (!isWhole || work.savedSeconds > 0 || work.wasKilled) this.#tell({ type: 'PodChanged', pod: bound });
    if (isWhole) this.#stage.begin(work);
  }

  #interrupt(decision: Extract<Decision, { type: 'Interrupt' }>, now: number): void {
    const reason = decision.reason ?? 'Preemption';
    const done = new Set<Known>();
    for (const victim of decision.victims) {
      const known = this.#byUID.get(victim.pod.uid);
      if (known === undefined || done.has(known)) continue;
      done.add(known);
      this.#carryOut(known, victim, { preemptor: decision.pod, orderedBy: decision.pod.uid, reason, now });
    }
  }

  #carryOut(
    known: Known,
    { action, timeoutSeconds, pod: { uid } }: VictimDecision,
    order: {
      /** Absent: it goes for nobody in particular. */
      preemptor?: Extract<Decision, { type: 'Interrupt' }>['pod'];
      orderedBy: string;
      reason: 'Preemption' | 'Migration';
      now: number;
    },
  ): void {
    const { work } = known;
    const { preemptor, orderedBy, reason, now } = order;
    if (action === 'Terminate') {
      this.#forgetDump(known);
      this.#stage.kill(work);
      this.#deletePods(known);
      this.#enqueue(known);
      return;
    }
    const isDumping = work.phase === 'dumping';
    if (!this.#stage.dump(work, reason === 'Migration' ? 'migrate' : 'stop')) {
      const said = `the pod is ${work.phase}`;
      this.#tell({ type: 'InterruptionFailed', preemptorUID: orderedBy, victimUID: uid, reason: said });
      return;
    }
    if (isDumping) for (const checkpoint of known.asked) this.#tell({ type: 'CheckpointDeleted', checkpoint });
    this.#ask(known, now, {
      reason,
      state: 'Stopped',
      ...(preemptor === undefined ? {} : { preemptor }),
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    });
  }

  #ask(known: Known, now: number, settings: Omit<Parameters<typeof checkpointObject>[1], 'name'>): void {
    known.asked = known.pods.map((pod) =>
      checkpointObject(pod, { ...settings, name: `checkpoint-${this.#checkpoints++}` }, now),
    );
    for (const checkpoint of known.asked) this.#tell({ type: 'CheckpointChanged', checkpoint });
  }

  #forgetDump(known: Known): void {
    for (const checkpoint of known.asked) this.#tell({ type: 'CheckpointDeleted', checkpoint });
    known.asked = [];
  }

  #changeNewest(known: Known, change: (checkpoint: PodCheckpoint) => PodCheckpoint): void {
    known.newest = known.newest.map(change);
    for (const checkpoint of known.newest) this.#tell({ type: 'CheckpointChanged', checkpoint });
  }
}

/** What the decision writes on the pod: by when it is to be gone. */
function vacateByOf(preBind: NonNullable<Extract<Decision, { type: 'Bind' }>['preBind']>): string | undefined {
  for (const { patch } of preBind) {
    const { annotations } = (patch.metadata ?? {}) as { annotations?: Record<string, string> };
    if (annotations?.[VACATE_BY_ANNOTATION] !== undefined) return annotations[VACATE_BY_ANNOTATION];
  }
  return undefined;
}
