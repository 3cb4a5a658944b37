import assert from 'node:assert/strict';
import type { CheckpointOptions, ContainerObservation, LogOptions, PodObservation, Runtime } from '../runtime.ts';
import type { RuntimeBed } from './bed.ts';
import { drawPod, outputPath, type PodSketch } from './sketch.ts';

/** How long anything may take before a test gives up, in steps of the program. */
const PATIENCE_STEPS = 2_000;

/** One node of the bed in the words of the tests. Each call lets time pass until it is done. */
export class TestNode {
  readonly bed: RuntimeBed;
  readonly runtime: Runtime;

  constructor(bed: RuntimeBed, runtime: Runtime) {
    this.bed = bed;
    this.runtime = runtime;
  }

  async create(sketch: PodSketch): Promise<void> {
    const pod = await drawPod(this.bed, sketch);
    await this.bed.during(this.runtime.createPod(pod));
  }

  /** Creates the pod, starts every container, and waits for its first step. */
  async run(sketch: PodSketch): Promise<void> {
    await this.create(sketch);
    for (const { name = 'main' } of sketch.containers ?? [{}]) {
      await this.bed.during(this.runtime.startContainer(sketch.uid, name));
    }
  }

  async restore(sketch: PodSketch, directory: string): Promise<void> {
    const pod = await drawPod(this.bed, sketch);
    await this.bed.during(this.runtime.restorePod(pod, directory));
  }

  dump(uid: string, directory: string, options: Partial<CheckpointOptions> = {}) {
    return this.bed.during(
      this.runtime.checkpointPod(uid, { directory, leaveRunning: false, timeoutMilliseconds: 60_000, ...options }),
    );
  }

  remove(uid: string, graceSeconds = 0): Promise<void> {
    return this.bed.during(this.runtime.removePod(uid, graceSeconds));
  }

  async observe(uid: string): Promise<PodObservation | undefined> {
    return (await this.bed.during(this.runtime.list())).find((pod) => pod.uid === uid);
  }

  async container(uid: string, name = 'main'): Promise<ContainerObservation> {
    const found = (await this.observe(uid))?.containers.find((container) => container.name === name);
    assert.ok(found, `container ${name} of ${uid} is not on the node`);
    return found;
  }

  async log(uid: string, options: LogOptions = {}, container = 'main'): Promise<string> {
    const collect = async (): Promise<string> => {
      let text = '';
      for await (const bytes of this.runtime.logs(uid, container, options)) text += Buffer.from(bytes).toString();
      return text;
    };
    return this.bed.during(collect());
  }

  /** The steps in the container's log. */
  async steps(uid: string, container = 'main'): Promise<number[]> {
    return stepsIn(await this.log(uid, {}, container));
  }

  /** The steps in the workload's file. */
  async written(workload: string, container = 'main'): Promise<number[]> {
    // What the runtime has not written out yet it does when it is looked at.
    await this.bed.during(this.runtime.list());
    return stepsIn(await this.bed.readOutput(outputPath(this.bed, workload, container)));
  }

  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    for (let waited = 0; waited < PATIENCE_STEPS; waited++) {
      if (await condition()) return;
      await this.bed.pass(this.bed.stepMilliseconds);
    }
    assert.fail(`waited in vain until ${what}`);
  }

  untilExited(uid: string, container = 'main'): Promise<void> {
    return this.until(`${container} of ${uid} has exited`, async () => {
      return (await this.container(uid, container)).state === 'exited';
    });
  }

  untilStep(uid: string, step: number, container = 'main'): Promise<void> {
    return this.until(`${container} of ${uid} is at step ${step}`, async () => {
      return ((await this.steps(uid, container)).at(-1) ?? 0) >= step;
    });
  }
}

export function stepsIn(text: string): number[] {
  return text.split('\n').flatMap((line) => {
    const step = /^step (\d+)$/.exec(line)?.[1];
    return step === undefined ? [] : [Number(step)];
  });
}

/** 1 to `last`. */
export function stepsUpTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
