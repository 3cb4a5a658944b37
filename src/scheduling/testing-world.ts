import assert from 'node:assert/strict';
import { isConditionTrue, type Node, POD_GROUP_LABEL, type Pod, type PodCheckpoint } from '../model/index.ts';
import type { ClusterEvent, Decision, PodRef } from './contract.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { groupIs } from './gang/testing-group.ts';
import { stopPhaseOf } from './interruption/checkpoint-ledger.ts';
import { at, checkpoint, EPOCH, node, pod } from './testing.ts';
import { choose, isFinished, WorldObjects } from './testing-world-objects.ts';

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
  readonly #objects = new WorldObjects();
  /** What the engine was told and asked, to be told and asked again. */
  journal: ({ event: ClusterEvent; now: number } | { decided: Decision[]; now: number })[] = [];
  #writes: Write[] = [];
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
      this.#objects.nodes.set(built.metadata.name, built);
      this.#tell({ type: 'NodeChanged', node: built });
    });
  }

  get nodes(): ReadonlyMap<string, Node> {
    return this.#objects.nodes;
  }

  get pods(): ReadonlyMap<string, Pod> {
    return this.#objects.pods;
  }

  get checkpoints(): ReadonlyMap<string, PodCheckpoint> {
    return this.#objects.checkpoints;
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
        this.#objects.remove(choose([...this.pods.values()], pick));
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
        this.#objects.agent(pick, false, this.now);
        break;
      case 'agentFails':
        this.#objects.agent(pick, true, this.now);
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
    for (const watch of this.#objects.watches) watch.length = 0;
    for (const event of this.listing()) this.#tell(event);
  }

  /** Everything there is, as a freshly started scheduler is told. */
  listing(): ClusterEvent[] {
    return [...this.#groups(), ...this.#objects.listing()];
  }

  /** Lets everything come to an end: watches catch up, writes are carried out, dumps succeed, time passes. */
  settle(): void {
    for (const entry of this.nodes.values())
      if (entry.spec?.unschedulable === true) this.#objects.setCordon(entry, false);
    for (let round = 0; round < 60; round++) {
      for (let index = 0; index < this.checkpoints.size; index++)
        for (let part = 0; part < 4; part++) this.#objects.agent(index, false, this.now);
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
      if (gone || this.#objects.endedBefore.has(uid)) this.#objects.agent(index, true, this.now);
    });
  }

  /** Watches catch up and writes are carried out, until nothing is on its way. */
  flush(): void {
    while (this.#writes.length > 0 || this.#objects.watches.some((watch) => watch.length > 0)) {
      for (let kind = 0; kind < this.#objects.watches.length; kind++)
        while ((this.#objects.watches[kind]?.length ?? 0) > 0) this.#deliver(kind);
      while (this.#writes.length > 0) this.#carryOut(0, false);
    }
  }

  /** Pods that could be placed on a node as things stand, promised room left to whom it was promised. */
  placeable(): string[] {
    return this.#objects.placeable();
  }

  /** In truth nothing is over-committed. */
  check(): void {
    this.#objects.check();
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
    this.#objects.store(builder.build());
  }

  #groups(): ClusterEvent[] {
    if (this.#options.gangs !== true) return [];
    return [...Array(GROUPS).keys()].map((index) => groupIs(`g${index}`, 1 + (index % 3)));
  }

  #running(): Pod[] {
    return [...this.pods.values()].filter((one) => one.spec.nodeName !== undefined && !isFinished(one));
  }

  #onPod(pick: number, pods: Pod[], change: (one: Pod) => Pod): void {
    const one = choose(pods, pick);
    if (one !== undefined) this.#objects.store(change(one));
  }

  #cordon(pick: number): void {
    const entry = choose([...this.nodes.values()], pick);
    this.#cordoned = true;
    if (entry !== undefined) this.#objects.setCordon(entry, entry.spec?.unschedulable !== true);
  }

  #deliver(pick: number): void {
    const watch = this.#objects.watches[pick % this.#objects.watches.length];
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
      this.#objects.store({
        ...one,
        status: nominatedNodeName === undefined ? status : { ...status, nominatedNodeName },
      });
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
              victim.action === 'Checkpoint'
                ? this.#order(victim.pod.uid, decision.pod)
                : this.#terminate(victim.pod.uid),
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
        this.#writes.push({
          decision,
          target: uid,
          run: () => this.#order(uid),
          refuse: () => ({
            type: 'InterruptionFailed',
            preemptorUID: decision.orderedBy,
            victimUID: uid,
            reason: 'refused',
          }),
        });
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
      assert.deepEqual(this.#objects.underWayFor(preemptor.uid), [], 'no second plan while the first is under way');
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
    this.#objects.store({ ...one, spec: { ...one.spec, nodeName }, status });
    this.#objects.check();
  }

  /** @param preemptor undefined: it goes for nobody in particular */
  #order(victimUID: string, preemptor?: PodRef): void {
    const victim = this.pods.get(victimUID);
    if (victim === undefined || isFinished(victim)) this.#objects.endedBefore.add(victimUID);
    const source = victim ?? pod('gone').uid(victimUID).build();
    const built = checkpoint(source, `${source.metadata.name}-c${this.checkpoints.size}`)
      .created(this.now - EPOCH)
      .build();
    const spec = preemptor === undefined ? built.spec : { ...built.spec, preemptor: { ...preemptor } };
    this.#objects.putCheckpoint({ ...built, spec });
  }

  #terminate(uid: string): void {
    this.#objects.remove(this.pods.get(uid));
  }
}

type Amounts = Record<string, number>;
