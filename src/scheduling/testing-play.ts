import {
  FIRST_ENQUEUED_ANNOTATION,
  type Pod,
  RAN_SECONDS_ANNOTATION,
  RESTORE_FROM_ANNOTATION,
  RESTORED_CONDITION,
  WORKLOAD_ANNOTATION,
} from '../model/index.ts';
import type { ClusterEvent, Decision, PodRef, VictimDecision } from './contract.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { at, type CheckpointBuilder, checkpoint, EPOCH, type NodeBuilder, type PodBuilder } from './testing.ts';

/** Said of every pod that runs: of those that were not restored nobody asks. */
const RESTORED = { type: RESTORED_CONDITION, status: 'True', lastTransitionTime: at(0) } as const;

/** One run of a pod, in ms after {@link EPOCH}. */
export interface Run {
  readonly name: string;
  readonly nodeName: string;
  readonly from: number;
  until: number;
}

interface Live {
  pod: Pod;
  /** ms it has yet to run. */
  left: number;
  run: Run | undefined;
}

interface Happening {
  readonly at: number;
  readonly order: number;
  readonly happen: () => void;
}

/**
 * A cluster in which everything goes well, in simulated time: what is bound runs at once and ends by itself, what is
 * checkpointed is dumped in the estimated time and comes back, first come first served. For properties over whole schedules.
 */
export class Play {
  readonly engine: Engine;
  now = 0;
  readonly runs: Run[] = [];
  /** Every decision with its time. */
  readonly decided: { readonly now: number; readonly decision: Decision }[] = [];
  readonly #live = new Map<string, Live>();
  #happenings: Happening[] = [];
  #order = 0;
  #incarnations = 0;

  constructor(options: EngineOptions, nodes: readonly NodeBuilder[], ...before: ClusterEvent[]) {
    this.engine = new Engine(options);
    for (const node of nodes) this.#tell({ type: 'NodeChanged', node: node.build() });
    for (const event of before) this.#tell(event);
  }

  /** The pod comes at `when`, and once started takes `runs` ms in all. */
  submit(builder: PodBuilder, { when, runs }: { when: number; runs: number }): this {
    this.#at(when, () => this.#arrive(builder.created(when).build(), runs));
    return this;
  }

  /** Goes on until nothing happens any more, or `until`. */
  play(until: number): this {
    for (let next = this.#next(); next <= until; next = this.#next()) {
      this.now = Math.max(this.now, next);
      const due = this.#happenings
        .filter((one) => one.at <= this.now)
        .sort((one, other) => one.at - other.at || one.order - other.order);
      this.#happenings = this.#happenings.filter((one) => one.at > this.now);
      for (const { happen } of due) happen();
      this.#decide();
    }
    return this;
  }

  /** When the pod first ran; undefined: it never did. */
  startOf(name: string): number | undefined {
    return this.runs.find((run) => run.name === name)?.from;
  }

  runsOf(name: string): Run[] {
    return this.runs.filter((run) => run.name === name);
  }

  get waiting(): string[] {
    return [...this.#live.values()].filter(({ run }) => run === undefined).map(({ pod }) => pod.metadata.name);
  }

  #next(): number {
    const wakeup = this.engine.nextWakeup();
    let next = wakeup === undefined ? Infinity : Math.max(wakeup - EPOCH, this.now);
    // A wakeup that is past asks for a pass now, which has just been.
    if (next === this.now) next = this.now + 1;
    for (const { at: when } of this.#happenings) next = Math.min(next, when);
    return next;
  }

  #at(when: number, happen: () => void): void {
    this.#happenings.push({ at: when, order: this.#order++, happen });
  }

  #tell(event: ClusterEvent): void {
    this.engine.observe(event, EPOCH + this.now);
  }

  #arrive(pod: Pod, left: number): void {
    this.#live.set(pod.metadata.uid, { pod, left, run: undefined });
    this.#tell({ type: 'PodChanged', pod });
  }

  #decide(): void {
    for (const decision of this.engine.decide(EPOCH + this.now)) {
      this.decided.push({ now: this.now, decision });
      if (decision.type === 'Bind') this.#start(decision);
      if (decision.type === 'Interrupt') this.#interrupt(decision.victims, decision.pod);
      if (decision.type === 'Move') this.#interrupt([decision.victim]);
    }
  }

  #start({ pod: { uid }, nodeName, preBind = [] }: Extract<Decision, { type: 'Bind' }>): void {
    const live = this.#live.get(uid);
    if (live === undefined) return;
    let { metadata } = live.pod;
    for (const { patch } of preBind) {
      const { annotations } = (patch.metadata ?? {}) as { annotations?: Record<string, string> };
      metadata = { ...metadata, annotations: { ...metadata.annotations, ...annotations } };
    }
    live.pod = {
      ...live.pod,
      metadata,
      spec: { ...live.pod.spec, nodeName },
      status: { ...live.pod.status, phase: 'Running', startTime: at(this.now), conditions: [RESTORED] },
    };
    const run: Run = { name: metadata.name, nodeName, from: this.now, until: this.now + live.left };
    live.run = run;
    this.runs.push(run);
    this.#tell({ type: 'PodChanged', pod: live.pod });
    this.#at(run.until, () => this.#end(uid, run));
  }

  #end(uid: string, run: Run): void {
    const live = this.#live.get(uid);
    if (live?.run !== run || run.until !== this.now) return;
    this.#live.delete(uid);
    this.#tell({ type: 'PodChanged', pod: { ...live.pod, status: { ...live.pod.status, phase: 'Succeeded' } } });
  }

  /** @param preemptor undefined: they go for nobody in particular */
  #interrupt(victims: readonly VictimDecision[], preemptor?: PodRef): void {
    const by = preemptor === undefined ? undefined : this.#live.get(preemptor.uid)?.pod;
    for (const { pod: ref, action, costs } of victims) {
      const live = this.#live.get(ref.uid);
      if ((preemptor !== undefined && by === undefined) || live?.run === undefined) continue;
      if (action === 'Terminate') {
        live.run.until = this.now;
        this.#live.delete(ref.uid);
        this.#tell({ type: 'PodDeleted', pod: live.pod });
        continue;
      }
      const order = checkpoint(live.pod, `${ref.name}-${this.#incarnations++}`).created(this.now);
      if (by !== undefined) order.for(by);
      this.#tell({ type: 'CheckpointChanged', checkpoint: order.build() });
      const { run } = live;
      run.until = this.now;
      this.#at(this.now + Math.ceil(costs.dumpSeconds * 1_000), () => this.#suspended(live, run, order));
    }
  }

  #suspended(live: Live, run: Run, order: CheckpointBuilder): void {
    const { metadata, spec } = live.pod;
    this.#live.delete(metadata.uid);
    this.#tell({ type: 'CheckpointChanged', checkpoint: order.ready(this.now).build() });
    this.#tell({ type: 'PodDeleted', pod: live.pod });
    this.#tell({ type: 'CheckpointChanged', checkpoint: order.released().build() });
    const ran = run.until - run.from;
    const { nodeName: _, ...template } = spec;
    const earlier = Number(metadata.annotations?.[RAN_SECONDS_ANNOTATION] ?? 0);
    const uid = `uid-again-${this.#incarnations++}`;
    const annotations = Object.fromEntries(
      Object.entries(metadata.annotations ?? {}).filter(([name]) => name !== 'fermata.dev/vacate-by'),
    );
    const again: Pod = {
      ...live.pod,
      metadata: {
        ...metadata,
        uid,
        creationTimestamp: at(this.now),
        annotations: {
          ...annotations,
          [WORKLOAD_ANNOTATION]: metadata.annotations?.[WORKLOAD_ANNOTATION] ?? metadata.name,
          [FIRST_ENQUEUED_ANNOTATION]: metadata.annotations?.[FIRST_ENQUEUED_ANNOTATION] ?? metadata.creationTimestamp,
          [RESTORE_FROM_ANNOTATION]: order.build().metadata.name,
          [RAN_SECONDS_ANNOTATION]: String(earlier + Math.floor(ran / 1_000)),
        },
      },
      spec: template,
      status: { phase: 'Pending' },
    };
    this.#arrive(again, live.left - ran);
  }
}
