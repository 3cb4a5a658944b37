import type { CheckpointFiles } from '../../checkpoint/index.ts';
import type { Clock } from '../../clock/index.ts';
import { FermataError, reasonOf } from '../../model/index.ts';
import { KILLED_EXIT_CODE } from '../demo-program.ts';
import type { CheckpointOptions, DumpReport } from '../runtime.ts';
import { readDump, readDumpedPod, writeDump } from './dump-images.ts';
import type { SimulatedFaults } from './faults.ts';
import { type DumpUnderWay, memoryOfPod, type SimulatedMachine, type SimulatedPod } from './machine.ts';
import { dumpDuration, type SimulatedTiming } from './timing.ts';
import type { Waits } from './waits.ts';

/** What dumping and restoring share with their runtime. */
export interface RuntimeParts {
  clock: Clock;
  files: CheckpointFiles;
  faults: SimulatedFaults;
  machine: SimulatedMachine;
  timing: SimulatedTiming;
  waits: Waits;
  changed(uid: string): void;
  vary(milliseconds: number): number;
}

/** Dumps of the simulated runtime: freeze, take CRIU's time, write the images, then stop the pod or let it go on. */
export class Dumping {
  readonly #parts: RuntimeParts;

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
  }

  async checkpoint(pod: SimulatedPod | undefined, uid: string, options: CheckpointOptions): Promise<DumpReport> {
    const { clock, faults, files, machine, timing } = this.#parts;
    options.signal?.throwIfAborted();
    if (pod === undefined) throw notRunning(`no pod with UID ${uid} is on this node`);
    checkRunning(pod);
    await this.#makeDirectory(options.directory);
    try {
      this.#parts.waits.checkAlive();
      options.signal?.throwIfAborted();
      machine.settle(pod, clock.now());
      checkRunning(pod);
    } catch (error) {
      this.#parts.waits.checkAlive();
      await files.remove(options.directory);
      throw error;
    }
    const { directory, leaveRunning } = options;
    const { namespace, name } = pod;
    const startedAt = clock.now();
    const memoryBytes = memoryOfPod(pod, startedAt);
    const fault = faults.onDump?.({ uid, namespace, name, directory, leaveRunning, memoryBytes });
    let duration = this.#parts.vary(dumpDuration(timing, memoryBytes));
    if (fault?.kind === 'slow') duration += fault.milliseconds;
    if (fault?.kind === 'fail') duration = Math.round(duration * (fault.after ?? 0.5));
    machine.freeze(pod, startedAt);
    pod.paused = undefined;
    const dump: DumpUnderWay = { directory, leaveRunning, startedAt };
    if (fault !== undefined) dump.fault = fault;
    if (fault?.kind !== 'hang') dump.endsAt = startedAt + duration;
    pod.dump = dump;
    this.#parts.changed(uid);
    try {
      await this.#wait(pod, dump, options);
      return await this.#complete(pod, dump, clock.now(), options);
    } catch (error) {
      if (error instanceof Undecided) throw error.cause;
      this.#parts.waits.checkAlive();
      await this.#undo(pod, dump);
      throw error instanceof FermataError || error === options.signal?.reason
        ? error
        : dumpFailed(pod, reasonOf(error), error);
    }
  }

  async recover(
    pod: SimulatedPod | undefined,
    uid: string,
    options: CheckpointOptions,
  ): Promise<'running' | 'dumped' | 'lost'> {
    const { files } = this.#parts;
    const { directory, leaveRunning } = options;
    if (pod === undefined) {
      if (!options.leaveRunning && (await this.#isWhole(uid, directory))) return 'dumped';
      this.#parts.waits.checkAlive();
      await files.remove(directory);
      return 'lost';
    }
    this.thaw(pod);
    const { dump } = pod;
    if (dump !== undefined) {
      try {
        if (dump.held === undefined) await this.#wait(pod, dump, options);
        await this.#complete(pod, dump, dump.endsAt ?? this.#parts.clock.now(), options);
        if (leaveRunning && options.decide !== undefined) return 'dumped';
      } catch (error) {
        if (error instanceof Undecided) throw error.cause;
        this.#parts.waits.checkAlive();
        if (options.signal?.aborted === true) throw error;
        await this.#undo(pod, dump);
      }
    } else if (leaveRunning && options.decide !== undefined && (await this.#isWhole(uid, directory))) {
      // It runs on already, or was refused and its images were not removed any more.
      if (await options.decide({ still: false })) return 'dumped';
    }
    if (pod.containers.some(({ state }) => state === 'frozen')) {
      return pod.dumpedTo === directory && (await this.#isWhole(uid, directory)) ? 'dumped' : 'lost';
    }
    await files.remove(directory);
    this.#parts.waits.checkAlive();
    return 'running';
  }

  /** See `PodFreezer`. */
  freeze(pod: SimulatedPod): void {
    if (pod.dump !== undefined || pod.restore !== undefined || pod.paused === true) return;
    pod.paused = true;
    this.#parts.machine.freeze(pod, this.#parts.clock.now());
    this.#parts.changed(pod.uid);
  }

  /** Lets a pod go on that stands still for no dump. */
  thaw(pod: SimulatedPod): void {
    if (pod.paused !== true) return;
    pod.paused = undefined;
    this.#parts.machine.thaw(pod, this.#parts.clock.now());
    this.#parts.changed(pod.uid);
  }

  /** Ends a dump because its pod is to be removed. */
  cancel(pod: SimulatedPod): void {
    this.thaw(pod);
    if (pod.dump === undefined) return;
    pod.dump = undefined;
    this.#parts.machine.thaw(pod, this.#parts.clock.now());
    this.#parts.waits.cancel(waitName(pod), dumpFailed(pod, 'the pod was removed while it was dumped'));
  }

  async #makeDirectory(directory: string): Promise<void> {
    try {
      await this.#parts.files.makeDirectory(directory);
    } catch (error) {
      throw new FermataError('DumpFailed', `cannot dump into ${directory}: ${reasonOf(error)}`, { cause: error });
    }
  }

  async #wait(pod: SimulatedPod, dump: DumpUnderWay, options: CheckpointOptions): Promise<void> {
    const left = dump.endsAt === undefined ? Number.POSITIVE_INFINITY : dump.endsAt - this.#parts.clock.now();
    await this.#parts.waits.pass(Math.min(left, options.timeoutMilliseconds), options.signal, waitName(pod));
    if (left > options.timeoutMilliseconds) {
      throw new FermataError(
        'DumpTimeout',
        `pod ${pod.namespace}/${pod.name}: the dump took longer than ${options.timeoutMilliseconds} ms and was undone`,
        { nextStep: 'Give the dump more time, or the pod less memory.' },
      );
    }
    const { fault } = dump;
    if (fault?.kind === 'fail' || fault?.kind === 'kill') throw dumpFailed(pod, fault.reason);
  }

  async #complete(
    pod: SimulatedPod,
    dump: DumpUnderWay,
    at: number,
    { decide }: CheckpointOptions,
  ): Promise<DumpReport> {
    const { files, machine } = this.#parts;
    const { fault, directory } = dump;
    const share = fault?.kind === 'half-written' ? 0.5 : fault?.kind === 'no-image' ? 0 : 1;
    const containers =
      dump.held === undefined ? await writeDump(files, directory, pod, at - dump.startedAt, share) : undefined;
    this.#parts.waits.checkAlive();
    if (pod.dump !== dump) throw dumpFailed(pod, 'the pod was removed while it was dumped');
    if (decide !== undefined) {
      if (fault?.kind === 'run-on') throw dumpFailed(pod, 'a process of it does not stand still');
      dump.held ??= pod.containers.filter(({ state }) => state === 'running').map(({ name }) => name);
      this.#parts.changed(pod.uid);
      await this.#hold(pod, decide, containers);
      at = this.#parts.clock.now();
      if (pod.dump !== dump) throw dumpFailed(pod, 'the pod was removed while it was dumped');
    }
    pod.dump = undefined;
    if (dump.leaveRunning || fault?.kind === 'run-on') {
      machine.thaw(pod, at);
    } else {
      for (const container of pod.containers) {
        const wasDumped = dump.held?.includes(container.name) ?? container.state === 'running';
        if (wasDumped) container.state = 'frozen';
      }
      pod.dumpedTo = directory;
    }
    this.#parts.changed(pod.uid);
    return { containers: containers ?? [] };
  }

  /** Throws `DumpRefused`, or {@link Undecided} while it stays held. */
  async #hold(
    pod: SimulatedPod,
    decide: NonNullable<CheckpointOptions['decide']>,
    containers: DumpReport['containers'] | undefined,
  ): Promise<void> {
    const { waits } = this.#parts;
    const name = `hold ${pod.uid}`;
    // Until this runtime ends: whoever was to decide may be gone with it.
    const lifetime = waits.pass(Number.POSITIVE_INFINITY, undefined, name).then(() => false);
    let counts: boolean;
    try {
      const asked = decide({ still: true, ...(containers !== undefined && { report: { containers } }) });
      counts = await Promise.race([asked, lifetime]);
      waits.checkAlive();
    } catch (error) {
      throw new Undecided(error);
    } finally {
      lifetime.catch(() => undefined); // ended here
      waits.cancel(name, dumpFailed(pod, 'it is decided'));
    }
    if (counts) return;
    throw new FermataError('DumpRefused', `pod ${pod.namespace}/${pod.name}: the dump was not to count, and is undone`);
  }

  async #undo(pod: SimulatedPod, dump: DumpUnderWay): Promise<void> {
    const { clock, files, machine } = this.#parts;
    await files.remove(dump.directory);
    this.#parts.waits.checkAlive();
    if (pod.dump !== dump) return;
    pod.dump = undefined;
    const now = clock.now();
    if (dump.fault?.kind === 'kill') machine.kill(pod, now, KILLED_EXIT_CODE);
    else machine.thaw(pod, now);
    this.#parts.changed(pod.uid);
  }

  async #isWhole(uid: string, directory: string): Promise<boolean> {
    try {
      await readDump(this.#parts.files, directory);
      return (await readDumpedPod(this.#parts.files, directory))?.uid === uid;
    } catch (error) {
      if (error instanceof FermataError) return false;
      throw error;
    }
  }
}

/** Nobody has said what becomes of a held dump. */
class Undecided extends Error {
  constructor(cause: unknown) {
    super('the dump is held', { cause });
  }
}

/** Something must run, nothing may still have to start, and nothing else may be at work on the pod. */
function checkRunning(pod: SimulatedPod): void {
  const key = `pod ${pod.namespace}/${pod.name}`;
  if (pod.dump !== undefined) throw notRunning(`${key} is being dumped already`);
  const app = pod.containers.filter(({ init }) => !init);
  const waiting = app.find(({ state }) => state === 'created' || state === 'frozen');
  if (waiting !== undefined) throw notRunning(`${key}: container ${waiting.name} is ${waiting.state}, not running`);
  if (!app.some(({ state }) => state === 'running')) throw notRunning(`${key}: every container has exited`);
}

function waitName(pod: SimulatedPod): string {
  return `dump ${pod.uid}`;
}

function notRunning(what: string): FermataError {
  return new FermataError('PodNotRunning', what, { nextStep: 'Only a running pod can be checkpointed.' });
}

function dumpFailed(pod: SimulatedPod, reason: string, cause?: unknown): FermataError {
  return new FermataError('DumpFailed', `pod ${pod.namespace}/${pod.name}: ${reason}`, { cause });
}
