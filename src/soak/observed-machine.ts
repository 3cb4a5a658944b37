import {
  type SimulatedContainer,
  SimulatedMachine,
  type SimulatedOutputs,
  type SimulatedPod,
} from '../runtime/index.ts';
import type { ProcessEntry } from './history.ts';
import type { Recorder } from './recorder.ts';

/** Under this folder on every machine lies what all of them share: `<namespace>/<workload>/<container>`. */
export const OUTPUT_FOLDER = '/outputs';

type Stretch = NonNullable<SimulatedContainer['run']>['stretches'][number];

interface Seen {
  run: NonNullable<SimulatedContainer['run']>;
  stretches: number;
  /** The last stretch was told to be over. */
  over: boolean;
  /** The last line of the last stretch that was told; less than its first step: none. */
  written: number;
  ended: boolean;
  dumped: boolean;
}

/**
 * A simulated machine that tells what happens to its processes, whoever causes it: found by comparing the processes'
 * own numbers each time they are brought up to date.
 */
export class ObservedMachine extends SimulatedMachine {
  readonly #node: string;
  readonly #recorder: Recorder;
  readonly #now: () => number;
  readonly #seen = new Map<SimulatedContainer, Seen>();

  constructor(parts: { node: string; recorder: Recorder; now: () => number; outputs: SimulatedOutputs }) {
    super(parts.outputs);
    this.#node = parts.node;
    this.#recorder = parts.recorder;
    this.#now = parts.now;
  }

  override settle(pod: SimulatedPod, now: number): void {
    super.settle(pod, now);
    for (const container of pod.containers) this.#compare(pod, container);
  }

  override remove(uid: string): void {
    const pod = this.pod(uid, this.#now());
    super.remove(uid);
    for (const container of pod?.containers ?? []) {
      if (pod === undefined || container.run === undefined) continue;
      this.#seen.delete(container);
      this.#tell(pod, container, { fact: 'removed', step: this.#steps(container) });
    }
  }

  override powerFail(now: number): void {
    super.powerFail(now);
    this.pods(now);
  }

  /** Everything on the machine is gone, and the machine too. */
  destroy(now: number): void {
    this.powerFail(now);
    for (const { uid } of this.pods(now)) this.remove(uid);
  }

  /** Tells what processes that still run have written so far. */
  flush(): void {
    const now = this.#now();
    for (const pod of this.pods(now)) {
      for (const container of pod.containers) {
        const stretch = container.run?.stretches.at(-1);
        if (stretch !== undefined && stretch.endedAt === undefined) this.#tellOutput(pod, container, stretch);
      }
    }
  }

  #compare(pod: SimulatedPod, container: SimulatedContainer): void {
    const { run, state } = container;
    if (run === undefined) return;
    let seen = this.#seen.get(container);
    if (seen?.run !== run) {
      // What had ended before the dump is put back as it was: no process comes to life, and none ends.
      const asItWas = run.inherited !== undefined && isBornDead(run);
      seen = { run, stretches: asItWas ? 1 : 0, over: true, written: -1, ended: asItWas, dumped: false };
      this.#seen.set(container, seen);
    }
    for (let index = Math.max(0, seen.stretches - 1); index < run.stretches.length; index++) {
      const stretch = run.stretches[index];
      if (stretch === undefined) continue;
      if (index === seen.stretches) {
        seen.stretches++;
        seen.over = false;
        seen.written = -1;
        this.#begin(pod, container, index);
      }
      if (stretch.endedAt === undefined || seen.over) continue;
      seen.over = true;
      this.#pause(pod, container, index);
    }
    if (run.ended !== undefined && !seen.ended) {
      seen.ended = true;
      const { exitCode } = run.ended;
      const reason = run.ended.reason ?? (this.#isDone(container) ? 'finished' : 'killed');
      this.#tell(pod, container, { fact: 'ended', step: this.#steps(container), exitCode, reason });
    }
    if (state === 'frozen' && !seen.dumped) {
      seen.dumped = true;
      const directory = pod.dumpedTo ?? '';
      this.#tell(pod, container, { fact: 'dumped', step: this.#steps(container), directory });
    }
  }

  #begin(pod: SimulatedPod, container: SimulatedContainer, index: number): void {
    const { run } = container;
    const step = run?.stretches[index]?.fromStep ?? 0;
    if (index > 0) this.#tell(pod, container, { fact: 'thawed', step });
    else if (run?.inherited === undefined) this.#tell(pod, container, { fact: 'started', step });
    else this.#tell(pod, container, { fact: 'restored', step, directory: pod.restoredFrom ?? '' });
  }

  /** The process has stopped to write: what it wrote since it went on is known now. */
  #pause(pod: SimulatedPod, container: SimulatedContainer, index: number): void {
    const { run } = container;
    const stretch = run?.stretches[index];
    if (run === undefined || stretch === undefined) return;
    const last = this.#tellOutput(pod, container, stretch);
    if (run.ended !== undefined && run.ended.at === stretch.endedAt && pod.dump === undefined) return;
    const { directory = pod.dumpedTo ?? '', leaveRunning = false } = pod.dump ?? {};
    this.#tell(pod, container, { fact: 'frozen', step: last, directory, leaveRunning });
  }

  /** Gives the last step written. */
  #tellOutput(pod: SimulatedPod, container: SimulatedContainer, stretch: Stretch): number {
    const last = stepsOf(container.program, stretch, this.#now());
    const seen = this.#seen.get(container);
    const before = Math.max(stretch.fromStep, seen?.written ?? -1);
    if (container.output?.onVolume === true && last > before) {
      if (seen !== undefined) seen.written = last;
      this.#recorder.add({
        kind: 'output',
        workload: workloadOfOutput(pod, container),
        node: this.#node,
        podUid: pod.uid,
        container: container.name,
        first: before + 1,
        last,
      });
    }
    return last;
  }

  #steps({ run, program }: SimulatedContainer): number {
    const stretch = run?.stretches.at(-1);
    return stretch === undefined ? 0 : stepsOf(program, stretch, this.#now());
  }

  #isDone(container: SimulatedContainer): boolean {
    const { steps } = container.program;
    return steps > 0 && this.#steps(container) >= steps;
  }

  #tell(
    pod: SimulatedPod,
    container: SimulatedContainer,
    fact: Pick<ProcessEntry, 'fact' | 'step' | 'directory' | 'leaveRunning' | 'exitCode' | 'reason'>,
  ): void {
    this.#recorder.add({
      kind: 'process',
      ...fact,
      node: this.#node,
      namespace: pod.namespace,
      pod: pod.name,
      podUid: pod.uid,
      container: container.name,
      workload: workloadOfOutput(pod, container),
    });
  }
}

function isBornDead({ ended, stretches }: NonNullable<SimulatedContainer['run']>): boolean {
  return ended !== undefined && ended.reason === undefined && ended.at === stretches[0]?.startedAt;
}

/** Steps done by the end of the stretch, or by `now` while it lasts: the counter that the process holds in its memory. */
function stepsOf({ steps, stepMilliseconds }: SimulatedContainer['program'], stretch: Stretch, now: number): number {
  const ran = Math.max(0, (stretch.endedAt ?? now) - stretch.startedAt) + stretch.carriedMilliseconds;
  const done = stretch.fromStep + Math.floor(ran / stepMilliseconds);
  return steps > 0 ? Math.min(done, Math.max(steps, stretch.fromStep)) : done;
}

function workloadOfOutput(pod: SimulatedPod, { output }: SimulatedContainer): string {
  const path = output?.name ?? '';
  if (!path.startsWith(`${OUTPUT_FOLDER}/`)) return `${pod.namespace}/${pod.name}`;
  return path.slice(OUTPUT_FOLDER.length + 1, path.lastIndexOf('/'));
}
