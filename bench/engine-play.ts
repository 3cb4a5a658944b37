import { type ClusterEvent, type Decision, Engine } from '../src/scheduling/index.ts';
import type { EngineCase } from './engine-case.ts';
import { node, nodeName, type Pod, pod, running } from './engine-objects.ts';

const START = Date.UTC(2026, 0, 1);
/** Longer than any backoff, shorter than the time after which pods are tried again without a reason. */
const REST_MS = 60_000;
/** Events come 1,000 a second, those that wake pods 100 a second as in scheduler_perf. */
const STEP_MS = 1;
const EVENT_STEP_MS = 10;
/** Pods made at a time, so that making them is not measured. */
const BATCH = 1000;

/** An engine with a cluster that does at once what it decides. */
class Harness {
  readonly engine = new Engine();
  now = START;
  readonly #pods = new Map<string, Pod>();

  tell(event: ClusterEvent): void {
    if (event.type === 'PodChanged') this.#pods.set(event.pod.metadata.uid, event.pod);
    this.engine.observe(event, this.now);
  }

  add(one: Pod): void {
    this.tell({ type: 'PodChanged', pod: one });
  }

  decide(): number {
    let done = 0;
    for (const decision of this.engine.decide(this.now)) if (this.#carryOut(decision)) done += 1;
    return done;
  }

  #carryOut(decision: Decision): boolean {
    if (decision.type === 'Bind') {
      const one = this.#pods.get(decision.pod.uid);
      if (one !== undefined) this.add(running(one, decision.nodeName));
      return true;
    }
    if (decision.type !== 'Interrupt') return false;
    for (const { pod: victim, action } of decision.victims) {
      const one = this.#pods.get(victim.uid);
      if (action === 'Terminate' && one !== undefined) this.tell({ type: 'PodDeleted', pod: one });
    }
    return true;
  }
}

/** What one play of a case took. */
export interface Played {
  /** Pods that found a place, or victims. */
  readonly decided: number;
  /** Of each step, by the clock. */
  readonly stepMilliseconds: number[];
  /** Of each step of a case whose steps are slow, by the processor's time: what a loaded machine distorts least. */
  readonly stepCpuMilliseconds: number[];
  readonly seconds: number;
  /** Of all threads: garbage collection and compilation included. */
  readonly cpuSeconds: number;
}

/** Times what happens in it, by clock and processor. */
class Stopwatch {
  readonly stepMilliseconds: number[] = [];
  readonly stepCpuMilliseconds: number[] = [];
  seconds = 0;
  cpuSeconds = 0;

  steps<T>(batch: readonly T[], eachByCpu: boolean, step: (one: T) => void): void {
    const all = process.cpuUsage();
    for (const one of batch) {
      // Asking takes a microsecond: too much for steps of twenty.
      const before = eachByCpu ? process.cpuUsage() : undefined;
      const begun = performance.now();
      step(one);
      const took = performance.now() - begun;
      if (before !== undefined) this.stepCpuMilliseconds.push(cpuSince(before) * 1000);
      this.stepMilliseconds.push(took);
      this.seconds += took / 1000;
    }
    this.cpuSeconds += cpuSince(all);
  }
}

/** Seconds of all threads. */
function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Sets the case up and plays its pods, one a step. */
export function play(benchmark: EngineCase, { nodes, pods }: { nodes: number; pods: number }): Played {
  const harness = new Harness();
  for (let index = 0; index < nodes; index++) {
    harness.tell({ type: 'NodeChanged', node: node(nodeName(index), index, benchmark.node ?? {}) });
  }
  for (const event of benchmark.setUp?.({ nodes, pods }) ?? []) harness.tell(event);
  const { before, waiting } = benchmark;
  for (let index = 0; before !== undefined && index < before.count; index++) {
    harness.add(running(pod(`before-${index}`, before.shape(index)), nodeName(index % nodes)));
  }
  for (let index = 0; waiting !== undefined && index < (waiting.count ?? pods); index++) {
    harness.add(pod(`waiting-${index}`, waiting.shape(index)));
  }
  harness.decide();
  if (benchmark.pod === undefined) harness.now += REST_MS;
  const watch = new Stopwatch();
  let decided = 0;
  for (let first = 0; first < pods; first += BATCH) {
    const batch: ClusterEvent[][] = [];
    for (let index = first; index < Math.min(pods, first + BATCH); index++) {
      const events = [...(benchmark.beside?.(index) ?? [])];
      if (benchmark.pod !== undefined) {
        events.push({ type: 'PodChanged', pod: pod(`pod-${index}`, benchmark.pod(index)) });
      }
      batch.push(events);
    }
    watch.steps(batch, benchmark.slow === true, (events) => {
      harness.now += benchmark.pod === undefined ? EVENT_STEP_MS : STEP_MS;
      for (const event of events) harness.tell(event);
      decided += harness.decide();
    });
  }
  // Who was woken in vain before it was woken for good is in its backoff yet.
  if (benchmark.pod === undefined) {
    harness.now += REST_MS;
    watch.steps([0], false, () => {
      decided += harness.decide();
    });
  }
  return { ...watch, decided };
}
