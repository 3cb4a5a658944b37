import assert from 'node:assert/strict';
import {
  type Condition,
  isConditionTrue,
  type Node,
  POD_GROUP_LABEL,
  type Pod,
  type PodCheckpoint,
  podRequests,
  withCondition,
} from '../model/index.ts';
import type { ClusterEvent, Decision } from './contract.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { groupIs } from './gang/testing-group.ts';
import { stopPhaseOf } from './interruption/checkpoint-ledger.ts';
import { at, checkpoint, EPOCH, node, pod } from './testing.ts';

/** One thing that happens; `pick` chooses among whatever it can happen to. */
export interface Step {
  act:
    | 'create'
    | 'finish'
    | 'delete'
    | 'deliver'
    | 'write'
    | 'refuse'
    | 'agent'
    | 'agentFails'
    | 'tick'
    | 'cordon'
    | 'decide'
    | 'restart';
  pick: number;
}

export interface WorldOptions {
  engine?: EngineOptions;
  /** Whether most pods belong to gangs of up to three. */
  gangs?: boolean;
  /** Whether most pods say how long they run. */
  walltimes?: boolean;
}

/** Groups that pods are spread over, one after the other. */
const GROUPS = 8;

type Write = { decision: Decision; target: string; run: () => void; refuse: () => ClusterEvent };

/**
 * A cluster around an engine, for properties: objects as an API server would hold them, watches that lag kind by kind,
 * writes that are carried out late, refused, or lost with the scheduler, and agents that dump step by step. Every step
 * checks what must always hold.
 */
export class World {
  engine: Engine;
  now = EPOCH;
  readonly nodes = new Map<string, Node>();
  readonly pods = new Map<string, Pod>();
  readonly checkpoints = new Map<string, PodCheckpoint>();
  /** What the engine was told and asked, to be told and asked again. */
  journal: ({ event: ClusterEvent; now: number } | { decided: Decision[]; now: number })[] = [];
  readonly #watches: ClusterEvent[][] = [[], [], []];
  #writes: Write[] = [];
  /** Pods that were told to stop after they had ended: nothing of theirs is left to be released. */
  readonly #endedBefore = new Set<string>();
  #created = 0;
  /** A preemptor whose node is cordoned under way may plan elsewhere and be bound there. */
  #cordoned = false;

  readonly #options: WorldOptions;

  constructor(cpus: readonly number[], options: WorldOptions = {}) {
    this.#options = options;
    this.engine = new Engine(options.engine);
    for (const event of this.#groups()) this.#tell(event);
    cpus.forEach((cpu, index) => {
      const built = node(`n${index}`)
        .allocatable({ cpu: String(cpu), pods: '4' })
        .build();
      this.nodes.set(built.metadata.name, built);
      this.#tell({ type: 'NodeChanged', node: built });
    });
  }

  step({ act, pick }: Step): void {
    switch (act) {
      case 'create':
        this.#create(pick);
        break;
      case 'finish':
        this.#onPod(pick, this.#running(), (one) => ({ ...one, status: { ...one.status, phase: 'Succeeded' } }));
        break;
      case 'delete':
        this.#remove(choose([...this.pods.values()], pick));
        break;
      case 'deliver':
        this.#deliver(pick);
        break;
      case 'write':
        this.#carryOut(pick, false);
        break;
      case 'refuse':
        this.#carryOut(pick, true);
        break;
      case 'agent':
        this.#agent(pick, false);
        break;
      case 'agentFails':
        this.#agent(pick, true);
        break;
      case 'tick':
        this.now += (pick % 10) * 50;
        break;
      case 'cordon':
        this.#cordon(pick);
        break;
      case 'decide':
        this.decide();
        break;
      case 'restart':
        this.restart();
        break;
    }
  }

  decide(): void {
    const decided = this.engine.decide(this.now);
    this.journal.push({ decided, now: this.now });
    for (const decision of decided) this.#take(decision);
    this.checkSnapshot();
  }

  /** The scheduler dies with what it meant to write, and a new one reads the objects. */
  restart(): void {
    this.engine = new Engine(this.#options.engine);
    this.journal = [];
    this.#writes = [];
    for (const watch of this.#watches) watch.length = 0;
    for (const event of this.listing()) this.#tell(event);
  }

  /** Everything there is, as a freshly started scheduler is told. */
  listing(): ClusterEvent[] {
    return [
      ...this.#groups(),
      ...[...this.checkpoints.values()].map(
        (entry): ClusterEvent => ({ type: 'CheckpointChanged', checkpoint: entry }),
      ),
      ...[...this.nodes.values()].map((entry): ClusterEvent => ({ type: 'NodeChanged', node: entry })),
      ...[...this.pods.values()].map((entry): ClusterEvent => ({ type: 'PodChanged', pod: entry })),
    ];
  }

  /** Lets everything come to an end: watches catch up, writes are carried out, dumps succeed, time passes. */
  settle(): void {
    for (const entry of this.nodes.values()) if (entry.spec?.unschedulable === true) this.#setCordon(entry, false);
    for (let round = 0; round < 60; round++) {
      for (let index = 0; index < this.checkpoints.size; index++)
        for (let part = 0; part < 4; part++) this.#agent(index, false);
      this.flush();
      this.now = Math.max(this.now + 1_000, Math.min(this.engine.nextWakeup() ?? 0, this.now + 60_000));
      this.decide();
    }
    this.flush();
  }

  /** Agents turn down orders on pods that had ended or gone before; until then those who knew them hold their room. */
  refuseVoidOrders(): void {
    [...this.checkpoints.values()].forEach((entry, index) => {
      const uid = entry.spec.sourcePod.uid ?? '';
      const gone = !this.pods.has(uid) && !isConditionTrue(entry.status?.conditions, 'Ready');
      if (gone || this.#endedBefore.has(uid)) this.#agent(index, true);
    });
  }

  /** Watches catch up and writes are carried out, until nothing is on its way. */
  flush(): void {
    while (this.#writes.length > 0 || this.#watches.some((watch) => watch.length > 0)) {
      for (let kind = 0; kind < this.#watches.length; kind++)
        while ((this.#watches[kind]?.length ?? 0) > 0) this.#deliver(kind);
      while (this.#writes.length > 0) this.#carryOut(0, false);
    }
  }

  /** In truth: what runs on a node, or was told to stop and is not confirmed gone, is within the node's capacity. */
  check(): void {
    for (const { metadata, status } of this.nodes.values()) {
      let used = 0;
      let count = 0;
      for (const one of this.#roomOn(metadata.name)) {
        used += podRequests(one).cpu ?? 0;
        count += 1;
      }
      assert.ok(used <= Number(status?.allocatable?.cpu) * 1000, `node ${metadata.name} is over-committed: ${used}m`);
      assert.ok(count <= 4, `node ${metadata.name} has ${count} pods`);
    }
  }

  /** In the engine's mind likewise, assumed pods counted. */
  checkSnapshot(): void {
    const snapshot = this.engine.snapshot() as Record<string, { allocatable: Amounts; requested: Amounts }>;
    for (const [name, { allocatable, requested }] of Object.entries(snapshot)) {
      for (const resource of ['cpu', 'pods']) {
        assert.ok((requested[resource] ?? 0) <= (allocatable[resource] ?? 0), `${name} over-committed in ${resource}`);
      }
    }
  }

  /** Pods that could be placed on a node as things stand, promised room left to whom it was promised. */
  placeable(): string[] {
    const waiting = [...this.pods.values()].filter((one) => one.spec.nodeName === undefined);
    return waiting.flatMap((one) => {
      const promisedTo = waiting.filter(
        (other) =>
          other !== one &&
          other.status?.nominatedNodeName !== undefined &&
          (other.spec.priority ?? 0) >= (one.spec.priority ?? 0),
      );
      const fits = [...this.nodes.values()].some(({ metadata, status }) => {
        const taken = [
          ...this.#roomOn(metadata.name),
          ...promisedTo.filter((other) => other.status?.nominatedNodeName === metadata.name),
        ];
        const used = taken.reduce((sum, other) => sum + (podRequests(other).cpu ?? 0), 0);
        return taken.length < 4 && used + (podRequests(one).cpu ?? 0) <= Number(status?.allocatable?.cpu) * 1000;
      });
      return fits ? [one.metadata.name] : [];
    });
  }

  *#roomOn(nodeName: string): Iterable<Pod> {
    const seen = new Set<string>();
    for (const one of this.pods.values()) {
      if (one.spec.nodeName !== nodeName || (isFinished(one) && !this.#isStopping(one.metadata.uid))) continue;
      seen.add(one.metadata.uid);
      yield one;
    }
    for (const { spec, status } of this.checkpoints.values()) {
      const uid = spec.sourcePod.uid ?? '';
      if (status?.nodeName !== nodeName || seen.has(uid) || !this.#isStopping(uid)) continue;
      // Gone before its dump was complete: somebody else deleted it, and its node has confirmed that.
      if (!isConditionTrue(status.conditions, 'Ready')) continue;
      seen.add(uid);
      yield { ...pod(spec.sourcePod.name).build(), spec: status.checkpointedPodTemplate?.spec as Pod['spec'] };
    }
  }

  #isStopping(uid: string): boolean {
    if (this.#endedBefore.has(uid)) return false;
    return [...this.checkpoints.values()].some(
      (entry) => entry.spec.sourcePod.uid === uid && stopPhaseOf(entry) === 'UnderWay',
    );
  }

  #underWayFor(uid: string): PodCheckpoint[] {
    return [...this.checkpoints.values()].filter(
      (entry) => entry.spec.preemptor?.uid === uid && stopPhaseOf(entry) === 'UnderWay',
    );
  }

  #tell(event: ClusterEvent): void {
    this.journal.push({ event, now: this.now });
    this.engine.observe(event, this.now);
  }

  #create(pick: number): void {
    this.#created += 1;
    // The first ones fill the nodes, so that those after them find victims.
    const priority = this.#created <= 4 ? 0 : ([0, 5, 10][pick % 3] ?? 0);
    const builder = pod(`p${this.#created}`)
      .created(this.now - EPOCH)
      .priority(priority)
      .requests({ cpu: String(1 + (pick % 2)) });
    if (pick % 7 !== 0) builder.preemption('CheckpointLowerPriority');
    if (this.#options.gangs === true && pick % 5 < 3) {
      builder.labels({ [POD_GROUP_LABEL]: `g${Math.floor(this.#created / 3) % GROUPS}` });
    }
    if (this.#options.walltimes === true && pick % 4 < 3) builder.walltime(`${1 + (pick % 13) * 20}s`);
    this.#store(builder.build());
  }

  #groups(): ClusterEvent[] {
    if (this.#options.gangs !== true) return [];
    return [...Array(GROUPS).keys()].map((index) => groupIs(`g${index}`, 1 + (index % 3)));
  }

  #store(one: Pod): void {
    this.pods.set(one.metadata.uid, one);
    this.#watches[0]?.push({ type: 'PodChanged', pod: one });
  }

  #remove(one: Pod | undefined): void {
    if (one === undefined || !this.pods.delete(one.metadata.uid)) return;
    this.#watches[0]?.push({ type: 'PodDeleted', pod: one });
  }

  #putCheckpoint(entry: PodCheckpoint): void {
    this.checkpoints.set(entry.metadata.name, entry);
    this.#watches[1]?.push({ type: 'CheckpointChanged', checkpoint: entry });
  }

  #running(): Pod[] {
    return [...this.pods.values()].filter((one) => one.spec.nodeName !== undefined && !isFinished(one));
  }

  #onPod(pick: number, pods: Pod[], change: (one: Pod) => Pod): void {
    const one = choose(pods, pick);
    if (one !== undefined) this.#store(change(one));
  }

  #cordon(pick: number): void {
    const entry = choose([...this.nodes.values()], pick);
    this.#cordoned = true;
    if (entry !== undefined) this.#setCordon(entry, entry.spec?.unschedulable !== true);
  }

  #setCordon(entry: Node, unschedulable: boolean): void {
    const changed = { ...entry, spec: { ...entry.spec, unschedulable } };
    this.nodes.set(changed.metadata.name, changed);
    this.#watches[2]?.push({ type: 'NodeChanged', node: changed });
  }

  #deliver(pick: number): void {
    const watch = this.#watches[pick % this.#watches.length];
    const count = pick % 2 === 0 ? 1 : Infinity;
    for (let delivered = 0; delivered < count; delivered++) {
      const event = watch?.shift();
      if (event === undefined) return;
      this.#tell(event);
    }
  }

  #take(decision: Decision): void {
    const { uid } = decision.pod;
    const promise = (nominatedNodeName: string | undefined): void => {
      const one = this.pods.get(uid);
      if (one === undefined || one.spec.nodeName !== undefined) return;
      const { nominatedNodeName: _, ...status } = one.status ?? {};
      this.#store({ ...one, status: nominatedNodeName === undefined ? status : { ...status, nominatedNodeName } });
    };
    switch (decision.type) {
      case 'Bind':
        this.#writes.push({
          decision,
          target: uid,
          run: () => this.#bind(uid, decision.nodeName),
          refuse: () => ({ type: 'BindFailed', uid, reason: 'refused' }),
        });
        break;
      case 'Interrupt':
        this.#checkPlan(decision);
        promise(decision.nodeName);
        for (const victim of decision.victims) {
          this.#writes.push({
            decision,
            target: victim.pod.uid,
            run: () =>
              victim.action === 'Checkpoint' ? this.#order(decision, victim.pod.uid) : this.#terminate(victim.pod.uid),
            refuse: () => ({
              type: 'InterruptionFailed',
              preemptorUID: uid,
              victimUID: victim.pod.uid,
              reason: 'refused',
            }),
          });
        }
        break;
      case 'Wait':
        promise(decision.nodeName);
        break;
      case 'Reclaim':
        assert.fail('nothing here is opportunistic');
        break;
      case 'Move':
        assert.fail('no node is emptied here');
        break;
      case 'Unschedulable':
        if (decision.clearNomination) promise(undefined);
        break;
    }
  }

  #checkPlan(decision: Extract<Decision, { type: 'Interrupt' }>): void {
    const { pod: preemptor, victims } = decision;
    assert.ok(victims.length > 0, 'an interruption has victims');
    if (!this.#cordoned) {
      assert.deepEqual(this.#underWayFor(preemptor.uid), [], 'no second plan while the first is under way');
      const orders = this.#writes
        .filter(({ decision: { type, pod } }) => type === 'Interrupt' && pod.uid === preemptor.uid)
        .map(({ target }) => this.pods.get(target))
        // An order on a pod that ended by itself is void.
        .filter((victim) => victim !== undefined && !isFinished(victim));
      assert.deepEqual(orders, [], 'no second plan while orders are out');
    }
    const priority = this.pods.get(preemptor.uid)?.spec.priority;
    if (priority === undefined) return;
    // One that is moved goes on elsewhere: that may happen to an equal.
    const highest = decision.reason === 'Migration' ? priority : priority - 1;
    for (const { uid } of victims.map((victim) => victim.pod)) {
      assert.ok((this.pods.get(uid)?.spec.priority ?? -1) <= highest, 'no victim of equal or higher priority');
    }
  }

  #carryOut(pick: number, refuse: boolean): void {
    const write = choose(this.#writes, pick);
    if (write === undefined) return;
    this.#writes = this.#writes.filter((other) => other !== write);
    if (refuse) this.#tell(write.refuse());
    else write.run();
  }

  #bind(uid: string, nodeName: string): void {
    const one = this.pods.get(uid);
    if (one === undefined) return;
    for (const entry of this.checkpoints.values()) {
      if (entry.spec.preemptor?.uid !== uid || this.#cordoned) continue;
      assert.notEqual(stopPhaseOf(entry), 'UnderWay', 'bound before the release was confirmed');
      const source = this.pods.get(entry.spec.sourcePod.uid ?? '');
      if (stopPhaseOf(entry) === 'Released') assert.equal(source, undefined, 'bound before the victim was gone');
    }
    const status = { ...one.status, phase: 'Running' as const, startTime: at(this.now - EPOCH) };
    this.#store({ ...one, spec: { ...one.spec, nodeName }, status });
    this.check();
  }

  #order(decision: Extract<Decision, { type: 'Interrupt' }>, victimUID: string): void {
    const victim = this.pods.get(victimUID);
    const preemptor = { ...decision.pod };
    if (victim === undefined || isFinished(victim)) this.#endedBefore.add(victimUID);
    const source = victim ?? pod('gone').uid(victimUID).build();
    const built = checkpoint(source, `${source.metadata.name}-c${this.checkpoints.size}`)
      .created(this.now - EPOCH)
      .build();
    this.#putCheckpoint({ ...built, spec: { ...built.spec, preemptor } });
  }

  #terminate(uid: string): void {
    this.#remove(this.pods.get(uid));
  }

  /** One step of the agent and the interruption controller: dump, delete, release, next incarnation. */
  #agent(pick: number, fails: boolean): void {
    const entry = choose([...this.checkpoints.values()], pick);
    if (entry === undefined || stopPhaseOf(entry) !== 'UnderWay') return;
    const source = this.pods.get(entry.spec.sourcePod.uid ?? '');
    const ready = isConditionTrue(entry.status?.conditions, 'Ready');
    const put = (condition: Condition): void => {
      const conditions = withCondition(entry.status?.conditions, condition, at(this.now - EPOCH));
      this.#putCheckpoint({ ...entry, status: { ...entry.status, completionTime: at(this.now - EPOCH), conditions } });
    };
    if (!ready && source === undefined) put({ type: 'Ready', status: 'False', reason: 'SourcePodReplaced' });
    else if (!ready && (fails || (source !== undefined && isFinished(source))))
      put({ type: 'Ready', status: 'False', reason: 'CheckpointFailed', message: 'no' });
    else if (!ready) put({ type: 'Ready', status: 'True', reason: 'CheckpointCompleted' });
    else if (source !== undefined) this.#remove(source);
    else {
      put({ type: 'Released', status: 'True' });
      this.#restore(entry);
    }
  }

  #restore(entry: PodCheckpoint): void {
    this.#created += 1;
    const spec = { ...(entry.status?.checkpointedPodTemplate?.spec as Pod['spec']) };
    delete spec.nodeName;
    const built = pod(entry.spec.sourcePod.name)
      .uid(`again-${this.#created}`)
      .restoreFrom(entry.metadata.name, 0)
      .build();
    this.#store({ ...built, spec });
  }
}

type Amounts = Record<string, number>;

function choose<T>(items: readonly T[], pick: number): T | undefined {
  return items[pick % Math.max(1, items.length)];
}

function isFinished(one: Pod): boolean {
  return one.status?.phase === 'Succeeded';
}
