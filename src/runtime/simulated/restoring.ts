import { FermataError } from '../../model/index.ts';
import type { RestoreOptions } from '../runtime.ts';
import { readDump } from './dump-images.ts';
import type { RuntimeParts } from './dumping.ts';
import type { SimulatedPod } from './machine.ts';
import { restoreDuration } from './timing.ts';

const REMOVED = 'the pod was removed while it was restored';

/** Restores of the simulated runtime. */
export class Restoring {
  readonly #parts: RuntimeParts;

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
  }

  /**
   * Brings `pod`, newly made, to life from a checkpoint. A restore of the same pod from the same directory that is under
   * way or done is joined; a pod whose containers were only made is replaced.
   */
  async restore(pod: SimulatedPod, directory: string, { signal, hold }: RestoreOptions): Promise<void> {
    const { clock, machine } = this.#parts;
    const { uid } = pod;
    signal?.throwIfAborted();
    const present = machine.pod(uid, clock.now());
    if (present !== undefined) {
      if (present.restoredFrom === directory) return;
      if (present.restore?.directory === directory) return this.#finish(present, signal, hold);
      if (present.restore !== undefined || present.containers.some(({ state }) => state !== 'created')) {
        throw new FermataError('RestoreFailed', `pod ${pod.namespace}/${pod.name} is on this node already`, {
          nextStep: 'Remove the pod, then restore it.',
        });
      }
      machine.remove(uid);
    }
    machine.add(pod);
    pod.restore = { directory, processes: [], held: hold !== undefined };
    try {
      await this.#begin(pod, directory);
    } catch (error) {
      this.#parts.waits.checkAlive();
      this.#forget(pod);
      throw error;
    }
    await this.#finish(pod, signal, hold);
  }

  /** Ends a restore because its pod is to be removed. */
  cancel(pod: SimulatedPod): void {
    if (pod.restore === undefined) return;
    pod.restore = undefined;
    this.#parts.waits.cancel(waitName(pod), restoreFailed(pod, REMOVED));
  }

  async #begin(pod: SimulatedPod, directory: string): Promise<void> {
    const { clock, faults, files, timing } = this.#parts;
    const { uid, namespace, name } = pod;
    const containers = pod.containers.filter(({ init }) => !init).map((container) => container.name);
    const processes = await readDump(files, directory, containers);
    this.#parts.waits.checkAlive();
    if (pod.restore === undefined) throw restoreFailed(pod, REMOVED);
    let memoryBytes = 0;
    for (const { program, fromStep, ended } of processes) {
      if (ended === undefined) memoryBytes += program.memoryBytes + program.growthBytes * fromStep;
    }
    const fault = faults.onRestore?.({ uid, namespace, name, directory });
    let duration = this.#parts.vary(restoreDuration(timing, memoryBytes));
    if (fault?.kind === 'slow') duration += fault.milliseconds;
    if (fault?.kind === 'fail') duration = Math.round(duration * (fault.after ?? 0.5));
    pod.restore = { ...pod.restore, processes };
    if (fault !== undefined) pod.restore.fault = fault;
    if (fault?.kind !== 'hang') pod.restore.endsAt = clock.now() + duration;
    this.#parts.changed(uid);
  }

  async #finish(
    pod: SimulatedPod,
    signal: AbortSignal | undefined,
    hold: (() => Promise<void>) | undefined,
  ): Promise<void> {
    const { clock, machine } = this.#parts;
    try {
      for (;;) {
        machine.settle(pod, clock.now());
        const { restore } = pod;
        if (restore === undefined) break;
        if (restore.held === true && restore.endsAt !== undefined && restore.endsAt <= clock.now()) {
          await this.#hold(pod, signal, hold);
          // It goes on now, not when it might have.
          if (pod.restore === restore) pod.restore = { ...restore, held: false, endsAt: clock.now() };
          continue;
        }
        const left = (restore.endsAt ?? Number.POSITIVE_INFINITY) - clock.now();
        await this.#parts.waits.pass(left, signal, waitName(pod));
      }
      if (pod.restoredFrom === undefined) throw restoreFailed(pod, pod.restoreFailure ?? REMOVED);
      this.#parts.changed(pod.uid);
    } catch (error) {
      this.#parts.waits.checkAlive();
      this.#forget(pod);
      throw error;
    }
  }

  async #hold(
    pod: SimulatedPod,
    signal: AbortSignal | undefined,
    hold: (() => Promise<void>) | undefined,
  ): Promise<void> {
    if (hold === undefined) return;
    const { waits } = this.#parts;
    // Until this runtime ends, or the pod is removed: whoever is asked may be gone with it.
    const lifetime = waits.pass(Number.POSITIVE_INFINITY, signal, waitName(pod));
    try {
      await Promise.race([hold(), lifetime]);
      waits.checkAlive();
    } finally {
      lifetime.catch(() => undefined); // ended here
      waits.cancel(waitName(pod), restoreFailed(pod, 'it is held no more'));
    }
  }

  /** Nothing of a pod whose restore failed is left. */
  #forget(pod: SimulatedPod): void {
    const { clock, machine } = this.#parts;
    if (machine.pod(pod.uid, clock.now()) !== pod) return;
    machine.remove(pod.uid);
    this.#parts.changed(pod.uid);
  }
}

function waitName(pod: SimulatedPod): string {
  return `restore ${pod.uid}`;
}

function restoreFailed(pod: SimulatedPod, reason: string): FermataError {
  return new FermataError('RestoreFailed', `pod ${pod.namespace}/${pod.name} cannot be restored: ${reason}`);
}
