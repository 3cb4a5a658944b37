import { PODS, podGroupOf, VACATE_BY_ANNOTATION } from '../../model/index.ts';
import type { Cycle } from '../framework/cycle.ts';
import { StateKey } from '../framework/cycle.ts';
import type {
  FilterPlugin,
  Impasse,
  PostFilterPlugin,
  PreBindPlugin,
  PreBindStep,
  PreFilterPlugin,
  QueuedPod,
  Rejection,
  Remedy,
  ReservePlugin,
} from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { SnapshotListener } from '../snapshot/snapshot-listener.ts';
import type { BackfillDependencies, BackfillOptions } from './backfill-dependencies.ts';
import { durationOf, STARTUP_MS } from './expected-end.ts';
import { GangPlacing, type GangPlacingWays } from './gang-placing.ts';
import { interruptGuests, SOON_MS } from './guest-interruption.ts';
import { NodeTimeline } from './node-timeline.ts';
import { Occupants } from './occupants.ts';
import { PodPlacing } from './pod-placing.ts';
import { ownerOf, promised, type Reservation, Reservations } from './reservations.ts';
import { Unpromised } from './unpromised.ts';
import { Vacating } from './vacating.ts';

/** The promises on each node, and who is taken away or added to try something out. */
interface Constraint {
  readonly ahead: ReadonlyMap<string, readonly Reservation[]>;
  readonly removed: Set<string>;
  readonly added: Map<string, { pod: PodInfo; node: NodeInfo }>;
}

const CONSTRAINT = new StateKey<Constraint>('Backfill');
const DEFAULT_DUMP_SAFETY = 2;

/**
 * Backfill by walltimes (annotation `fermata.dev/walltime`, else `activeDeadlineSeconds`). A pod that has to wait is promised
 * the earliest start that the known ends allow; pods behind it may only use that room if that does not delay it: because they
 * have ended by then, because enough is left beside it, or (beyond EASY) because they can be checkpointed by then, the time
 * of the dumps counted.
 */
export class Backfill
  implements PreFilterPlugin, FilterPlugin, PostFilterPlugin, ReservePlugin, PreBindPlugin, SnapshotListener
{
  readonly name = 'Backfill';
  readonly hints = {
    NodeChanged: () => true,
    RoomFreed: (pod: PodInfo, { node }: { node: NodeInfo }) => this.#mayConcern(pod, node),
    PlacedPodChanged: (pod: PodInfo, event: { pod: PodInfo }) => {
      const node = this.#dependencies.cluster.node(event.pod.nodeName ?? '');
      return node !== undefined && this.#mayConcern(pod, node);
    },
  };
  readonly #dependencies: BackfillDependencies;
  readonly #interruptible: boolean;
  readonly #reservations: Reservations;
  readonly #vacating: Vacating;
  readonly #occupants: Occupants;
  readonly #placing: PodPlacing;
  readonly #unpromised: Unpromised;
  /** Those for which no start is known on any node. */
  readonly #withoutStart = new WeakSet<QueuedPod>();
  /** Who was kept away by a promise, and wants to know when it falls. */
  readonly #keptAway = new Set<string>();
  readonly #toWake = new Set<string>();
  #wakeAt = Infinity;

  constructor(dependencies: BackfillDependencies, options: BackfillOptions = {}) {
    this.#dependencies = dependencies;
    this.#interruptible = options.interruptible ?? true;
    this.#vacating = new Vacating(dependencies, options.dumpSafety ?? DEFAULT_DUMP_SAFETY);
    this.#occupants = new Occupants(this.#vacating);
    const { cluster, frameworkOf } = dependencies;
    this.#placing = new PodPlacing({ cluster, frameworkOf, occupants: this.#occupants, except: this });
    this.#reservations = new Reservations(options.reservations ?? 1, dependencies.less);
    this.#unpromised = new Unpromised(dependencies.less);
  }

  preFilter(cycle: Cycle): 'skip' | undefined {
    this.dropStale(cycle.now);
    const entry = this.#dependencies.entryOf(cycle.pod.uid);
    if (entry === undefined || this.#reservations.size === 0) return 'skip';
    const ahead = new Map<string, Reservation[]>();
    for (const reservation of this.#reservations.bindingFor(entry, cycle.now)) {
      const others = ahead.get(reservation.node.name);
      if (others === undefined) ahead.set(reservation.node.name, [reservation]);
      else others.push(reservation);
    }
    if (ahead.size === 0) return 'skip';
    cycle.write(CONSTRAINT, { ahead, removed: new Set<string>(), added: new Map() });
    return undefined;
  }

  addPod(cycle: Cycle, pod: PodInfo, node: NodeInfo): void {
    const constraint = cycle.read(CONSTRAINT);
    if (constraint?.removed.delete(pod.uid) === false) constraint.added.set(pod.uid, { pod, node });
  }

  removePod(cycle: Cycle, pod: PodInfo): void {
    const constraint = cycle.read(CONSTRAINT);
    if (constraint?.added.delete(pod.uid) === false) constraint.removed.add(pod.uid);
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    const admission = this.#admissionOf(cycle, node);
    if (admission !== 'refused') return undefined;
    this.#keptAway.add(cycle.pod.uid);
    return { plugin: this.name, reasons: ['node(s) were reserved for pods ahead in the queue'], resolvable: false };
  }

  reserve(cycle: Cycle, node: NodeInfo): undefined {
    const { uid } = cycle.pod;
    const admission = this.#admissionOf(cycle, node);
    if (typeof admission === 'number') this.#vacating.mark(uid, admission);
    this.#occupants.placed(uid, cycle.now);
    this.#keptAway.delete(uid);
    this.#unpromised.delete(uid);
    this.withdraw(ownerOf(cycle.pod), cycle.now);
    return undefined;
  }

  /** Takes back what was promised to the pod, or to its gang. */
  withdraw(owner: string, now: number): void {
    if (this.#reservations.delete(owner) !== undefined) this.#wakeKeptAway(now);
    this.#offerPromise(now);
  }

  /** Where there are promises to be had, the first that went without one has its turn, still in this pass. */
  #offerPromise(now: number): void {
    if (!this.#reservations.hasRoom) return;
    const first = this.#unpromised.takeFirst((pod) => this.#dependencies.entryOf(pod.info.uid) === pod);
    if (first !== undefined) this.#dependencies.activate(first.info.uid, now);
  }

  /** Whether what changed on the node may change what the pod was promised, or what keeps it away from there. */
  #mayConcern(pod: PodInfo, node: NodeInfo): boolean {
    if (this.#reservations.isOn(node)) return true;
    const owner = ownerOf(pod);
    const own = this.#reservations.of(owner);
    const entry = this.#dependencies.entryOf(pod.uid);
    if (own === undefined && (entry === undefined || !this.#withoutStart.has(entry))) return false;
    if (owner !== pod.uid) return true;
    return this.#occupants.mayStartBy(node, pod.requests, own?.[0]?.at ?? Infinity);
  }

  unreserve({ uid }: PodInfo): void {
    this.#occupants.forget(uid);
    this.#vacating.unmark(uid);
  }

  podPlaced(pod: PodInfo): void {
    // From here on its own status tells when it began, and its annotation by when it is to go.
    if (pod.running) this.unreserve(pod);
  }

  podDisplaced(pod: PodInfo): void {
    if (pod.finished || pod.terminatingUntil !== undefined) this.unreserve(pod);
  }

  /** That it was let in for a time only is written down with it: another scheduler must know. */
  preBind(cycle: Cycle): readonly PreBindStep[] {
    const by = this.#vacating.deadlineOf(cycle.pod);
    if (by === undefined) return [];
    const { uid, namespace, name } = cycle.pod;
    const metadata = { uid, annotations: { [VACATE_BY_ANNOTATION]: new Date(by).toISOString() } };
    return [{ plugin: this.name, type: PODS, namespace, name, patch: { metadata } }];
  }

  postFilter(cycle: Cycle, impasse: Impasse): Remedy {
    const { pod, now } = cycle;
    const none: Remedy = { type: 'None', message: '' };
    const entry = this.#dependencies.entryOf(pod.uid);
    if (entry === undefined || podGroupOf(pod.pod) !== undefined || !this.#admits(entry)) return none;
    this.#withoutStart.delete(entry);
    const [known] = this.#reservations.delete(pod.uid) ?? [];
    // What it was promised holds, or gets better, at nobody's cost; if it cannot be kept, those behind it make way.
    const kept =
      known === undefined
        ? undefined
        : this.#placing.earliest(cycle, impasse, entry, this.#reservations.othersThan(entry));
    const found =
      kept !== undefined && kept.at <= (known?.at ?? 0)
        ? kept
        : this.#placing.earliest(cycle, impasse, entry, this.#reservations.aheadOf(entry));
    if (found === undefined) {
      this.#withoutStart.add(entry);
      if (known !== undefined) this.#wakeKeptAway(now);
      this.#offerPromise(now);
      return { ...none, plugins: [this.name] };
    }
    const respected = found === kept ? 'all' : 'ahead';
    const vacated = this.#guestsOf(cycle, impasse, found);
    this.#put([found], { respected, now });
    if (vacated.type === 'Interrupt') return vacated;
    if (known !== undefined && (known.node !== found.node || known.at < found.at)) this.#wakeKeptAway(now);
    return {
      type: 'None',
      message: promised(`node ${found.node.name}`, found.at - now),
      retryAt: Math.min(found.at, vacated.at),
      // Who ends early, or goes on for longer, changes when it can start.
      plugins: [this.name],
    };
  }

  /**
   * Promises a gang its places: the first instant at which `needed` of its members have room at once, by known ends.
   * @returns what to tell it, and when to try again; undefined: no such instant is known
   */
  reserveTogether(
    members: readonly QueuedPod[],
    needed: number,
    ways: GangPlacingWays,
  ): { message: string; retryAt: number } | undefined {
    const [first] = members;
    if (first === undefined || !this.#admits(first)) return undefined;
    const [known] = this.#reservations.delete(ownerOf(first.info)) ?? [];
    const placing = new GangPlacing({
      cluster: this.#dependencies.cluster,
      frameworkOf: this.#dependencies.frameworkOf,
      endOf: (pod) => this.#occupants.endFor(pod, ways.now, first),
      except: this,
    });
    const earliest = (respected: readonly Reservation[]) => placing.earliest(members, needed, { ...ways, respected });
    const kept = known === undefined ? undefined : earliest(this.#reservations.othersThan(first));
    const found =
      kept !== undefined && kept[0].at <= (known?.at ?? 0) ? kept : earliest(this.#reservations.aheadOf(first));
    if (found === undefined) {
      if (known !== undefined) this.#wakeKeptAway(ways.now);
      this.#offerPromise(ways.now);
      return undefined;
    }
    this.#put(found, { respected: found === kept ? 'all' : 'ahead', now: ways.now });
    if (known !== undefined) this.#wakeKeptAway(ways.now);
    const nodes = [...new Set(found.map(({ node }) => node.name))].join(', ');
    return { message: promised(`room on node(s) ${nodes}`, found[0].at - ways.now), retryAt: found[0].at };
  }

  #admits(pod: QueuedPod): boolean {
    const admitted = this.#reservations.admits(pod);
    if (admitted) this.#unpromised.delete(pod.info.uid);
    else this.#unpromised.add(pod);
    return admitted;
  }

  /**
   * @param respected those the reservations were made beside; promises to pods behind that were not among them and overlap
   *   with these fall, and are made anew: of two that contradict each other both could be missed
   */
  #put(
    reservations: readonly [Reservation, ...Reservation[]],
    { respected, now }: { respected: 'all' | 'ahead'; now: number },
  ): void {
    const overlapped = respected === 'all' ? [] : this.#reservations.overlappedBehind(reservations);
    const outranked = [...this.#reservations.put(reservations), ...overlapped];
    for (const { holder } of outranked) {
      this.#reservations.delete(ownerOf(holder.info));
      this.#wake(holder.info.uid, now);
    }
    this.#offerPromise(now);
  }

  #guestsOf(cycle: Cycle, { filters }: Impasse, { holder, node, at }: Reservation): ReturnType<typeof interruptGuests> {
    const { pod, now } = cycle;
    return interruptGuests(
      { vacating: this.#vacating, costs: this.#dependencies.costs },
      {
        pod,
        node,
        at,
        now,
        guests: [...node.pods.values()].filter((guest) => this.#occupants.isGuestOf(guest, holder)),
        endOf: (other) => this.#occupants.endFor(other, now),
        trial: this.#placing.trial(cycle, node, filters),
      },
    );
  }

  /** Whether the pod may be started on the node now: `refused`, or the time by which it must be away, or for good. */
  #admissionOf(cycle: Cycle, node: NodeInfo): 'refused' | 'for good' | number {
    const constraint = cycle.read(CONSTRAINT);
    const ahead = constraint?.ahead.get(node.name);
    if (constraint === undefined || ahead === undefined) return 'for good';
    const { pod, now } = cycle;
    const occupancies = this.#occupants.of(node, now, { exceptUID: pod.uid, tried: constraint });
    for (const { holder, at, until } of ahead) {
      // Once victims go for it, its room is promised as from now.
      if (constraint.added.has(holder.info.uid)) continue;
      occupancies.push({ requests: holder.info.requests, from: at, until });
    }
    const timeline = new NodeTimeline(node.allocatable, occupancies);
    const end = now + STARTUP_MS + durationOf(pod);
    if (timeline.fits(pod.requests, now, end)) return 'for good';
    // A gang is not interrupted in part, nor does it interrupt guests one by one.
    const concernsGang = [pod, ...ahead.map(({ holder }) => holder.info)].some(
      (one) => podGroupOf(one.pod) !== undefined,
    );
    if (!this.#interruptible || concernsGang) return 'refused';
    const starts = ahead.map(({ at }) => at).sort((one, other) => other - one);
    for (const by of starts) {
      if (!timeline.fits(pod.requests, now, by)) continue;
      const others = [...node.pods.values()].filter((other) => this.#vacating.deadlineOf(other) !== undefined);
      return this.#vacating.canBeAwayBy(pod, by, { node, others, now }) ? by : 'refused';
    }
    return 'refused';
  }

  /**
   * Before a pass: those for whom promises changed in the last one are tried again, and those whose time has come, whatever
   * their backoff: started late, they would end late, and those promised the room behind them would start later yet.
   */
  begin(now: number): void {
    this.dropStale(now);
    for (const uid of [...this.#toWake, ...this.#reservations.fallingDue(now)]) this.#dependencies.activate(uid, now);
    this.#toWake.clear();
  }

  /** When {@link begin} has something to do; Infinity: never. */
  nextDue(): number {
    return Math.min(this.#toWake.size === 0 ? Infinity : this.#wakeAt, this.#reservations.nextDue());
  }

  /** In the next pass, not in this one: two pods whose promises depend on each other could go on for ever. */
  #wake(podUID: string, now: number): void {
    this.#toWake.add(podUID);
    this.#wakeAt = now + SOON_MS;
  }

  /** Forgets promises to pods that wait no longer, and on nodes that are gone; those they kept away are tried again. */
  dropStale(now: number): void {
    let dropped = false;
    for (const { holder, node } of [...this.#reservations.all()]) {
      const { uid } = holder.info;
      const isGone = node.node === undefined;
      if (this.#dependencies.entryOf(uid) === holder && !isGone) continue;
      this.#reservations.delete(ownerOf(holder.info));
      if (isGone) this.#wake(uid, now);
      dropped = true;
    }
    if (!dropped) return;
    this.#wakeKeptAway(now);
    this.#offerPromise(now);
  }

  #wakeKeptAway(now: number): void {
    const uids = [...this.#keptAway];
    this.#keptAway.clear();
    for (const uid of uids) this.#wake(uid, now);
  }
}
