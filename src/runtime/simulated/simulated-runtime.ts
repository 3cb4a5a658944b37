import { type CheckpointFiles, diskFiles } from '../../checkpoint/index.ts';
import type { Clock, Random, Timer } from '../../clock/index.ts';
import { FermataError } from '../../model/index.ts';
import { KILLED_EXIT_CODE, TERMINATED_EXIT_CODE } from '../demo-program.ts';
import type {
  CheckpointOptions,
  DumpReport,
  LogOptions,
  PodObservation,
  PodToRun,
  RestoreOptions,
  Runtime,
  RuntimeName,
} from '../runtime.ts';
import { ChangeFeed } from './change-feed.ts';
import { Dumping } from './dumping.ts';
import type { PlainFault, SimulatedFaults } from './faults.ts';
import { observationOf, SimulatedMachine, type SimulatedPod } from './machine.ts';
import { newPod } from './new-pod.ts';
import { OutputFiles } from './output-files.ts';
import { SimulatedOutputs } from './outputs.ts';
import { Restoring } from './restoring.ts';
import { progressOfRun, startRun } from './run.ts';
import { readMachine, writeMachine } from './state-file.ts';
import { linesOf, nextLineAt, startOfLog, textOf } from './step-log.ts';
import { MEASURED_TIMING, type SimulatedTiming } from './timing.ts';
import { LONGEST_ALARM_MILLISECONDS, Waits } from './waits.ts';

export interface SimulatedRuntimeParts {
  clock: Clock;
  /** With it dumps and restores vary by ±10 %; without, they take what the timing says. */
  random?: Random;
  /** Where checkpoint directories lie. Default: this machine's disk. */
  files?: CheckpointFiles;
  faults?: SimulatedFaults;
  /** The node's machine, where it outlives this runtime in memory. Default: a new one, or that of the state file. */
  machine?: SimulatedMachine;
}

export interface SimulatedRuntimeOptions {
  /** Absolute path; pods then run on while this process is dead. Not together with `machine`. */
  stateFile?: string;
  /** Whether what processes append to files on volumes is written to this machine's disk. Default: false. */
  writeOutputs?: boolean;
  timing?: Partial<SimulatedTiming>;
  /** Whether an image exists. Default: all but those of a registry under `.invalid` (RFC 2606). */
  hasImage?: (image: string) => boolean;
}

const JITTER = 0.1;

/**
 * Runs no process: each follows from its program and the time ({@link SimulatedMachine}). Passes the compliance suite
 * of runtimes, in virtual time as well as in real time.
 */
export class SimulatedRuntime implements Runtime {
  readonly name: RuntimeName = 'simulated';
  readonly machine: SimulatedMachine;
  readonly #clock: Clock;
  readonly #random: Random | undefined;
  readonly #faults: SimulatedFaults;
  readonly #timing: SimulatedTiming;
  readonly #stateFile: string | undefined;
  readonly #hasImage: (image: string) => boolean;
  readonly #outputFiles: OutputFiles | undefined;
  readonly #feed = new ChangeFeed();
  readonly #alarms = new Map<string, Timer>();
  readonly #waits: Waits;
  /** For those who listen; see {@link Waits} for those who wait. */
  readonly #stopping = new AbortController();
  readonly #operations = new Set<Promise<unknown>>();
  readonly #dumping: Dumping;
  readonly #restoring: Restoring;

  constructor(parts: SimulatedRuntimeParts, options: SimulatedRuntimeOptions = {}) {
    this.#clock = parts.clock;
    this.#waits = new Waits(parts.clock);
    this.#random = parts.random;
    this.#faults = parts.faults ?? {};
    this.#timing = { ...MEASURED_TIMING, ...options.timing };
    this.#stateFile = options.stateFile;
    this.#hasImage = options.hasImage ?? ((image) => !/^[^/]+\.invalid(:\d+)?\//.test(image));
    this.machine = parts.machine ?? this.#openMachine();
    if (options.writeOutputs === true) this.#outputFiles = new OutputFiles(this.machine, parts.clock);
    const shared = {
      clock: parts.clock,
      files: parts.files ?? diskFiles,
      faults: this.#faults,
      machine: this.machine,
      timing: this.#timing,
      waits: this.#waits,
      changed: (uid: string) => this.#changed(uid),
      vary: (milliseconds: number) => this.#vary(milliseconds),
    };
    this.#dumping = new Dumping(shared);
    this.#restoring = new Restoring(shared);
    for (const pod of this.machine.pods(parts.clock.now())) this.#arm(pod);
  }

  createPod(pod: PodToRun, signal?: AbortSignal): Promise<void> {
    return this.#operation(async () => {
      const { uid } = pod.pod.metadata;
      if (this.#find(uid) !== undefined) return;
      const made = newPod(pod, this.#hasImage);
      const fault = this.#faults.onCreate?.({ uid, namespace: made.namespace, name: made.name });
      await this.#passOrFail('ContainerCreateFailed', this.#timing.createMilliseconds, fault, signal);
      if (this.#find(uid) !== undefined) return;
      this.machine.add(made);
      this.#changed(uid);
    });
  }

  startContainer(uid: string, container: string, signal?: AbortSignal): Promise<void> {
    return this.#operation(async () => {
      const before = this.#containerOf(uid, container);
      if (before.container.state === 'running') return;
      const { namespace, name } = before.pod;
      const fault = this.#faults.onStart?.({ uid, namespace, name, container });
      await this.#passOrFail('ContainerStartFailed', this.#timing.startMilliseconds, fault, signal);
      const { pod, container: found } = this.#containerOf(uid, container);
      if (found.state === 'running') return;
      if (found.state === 'frozen' || pod.restore !== undefined) {
        throw new FermataError(
          'ContainerStartFailed',
          `container ${container} of pod ${namespace}/${name} is ${found.state === 'frozen' ? 'frozen' : 'being restored'}`,
        );
      }
      this.machine.start(pod, found, startRun(this.#clock.now()));
      this.#changed(uid);
    });
  }

  removePod(uid: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    return this.#operation(async () => {
      const pod = this.#find(uid);
      if (pod === undefined) return;
      const now = this.#clock.now();
      this.#dumping.cancel(pod);
      this.#restoring.cancel(pod);
      let gone = now;
      for (const { state, run, program } of pod.containers) {
        if (state !== 'running' || run === undefined) continue;
        const heeds = !program.ignoreTerm && graceSeconds > 0;
        const at = heeds ? now : now + graceSeconds * 1000;
        if (run.doom === undefined || at < run.doom.at) {
          run.doom = { at, exitCode: heeds ? TERMINATED_EXIT_CODE : KILLED_EXIT_CODE };
        }
        gone = Math.max(gone, run.doom.at);
      }
      this.#changed(uid);
      await this.#waits.pass(gone - now, signal);
      if (this.#find(uid) !== pod) return;
      this.#outputFiles?.flush();
      this.machine.remove(uid);
      this.#changed(uid);
    });
  }

  list(signal?: AbortSignal): Promise<PodObservation[]> {
    return this.#operation(async () => {
      signal?.throwIfAborted();
      const now = this.#clock.now();
      this.#outputFiles?.flush();
      return this.machine.pods(now).map((pod) => observationOf(pod, now));
    });
  }

  changes(signal: AbortSignal): AsyncIterable<string> {
    return this.#feed.listen(signal, this.#stopping.signal);
  }

  async *logs(uid: string, container: string, options: LogOptions): AsyncIterable<Uint8Array> {
    this.#waits.checkAlive();
    const { container: found } = this.#containerOf(uid, container);
    const run = options.previous === true ? found.previousRun : found.run;
    if (run === undefined && options.previous === true) {
      throw new FermataError('PreviousLogNotFound', `container ${container} of pod ${uid} was never restarted`);
    }
    let bytesLeft = options.limitBytes ?? Number.POSITIVE_INFINITY;
    let position: ReturnType<typeof startOfLog> | undefined;
    for (;;) {
      const current = run ?? found.run;
      const now = this.#clock.now();
      this.machine.pod(uid, now);
      if (current !== undefined) {
        position ??= startOfLog(found.program, current, options, now);
        for (const line of linesOf(found.program, current, position, now)) {
          const bytes = Buffer.from(textOf(line, options.timestamps === true)).subarray(0, bytesLeft);
          bytesLeft -= bytes.length;
          if (bytes.length > 0) yield bytes;
          if (bytesLeft <= 0) return;
        }
        if (current.ended !== undefined || found.state === 'frozen') return;
      }
      if (options.follow !== true || this.machine.pod(uid, this.#clock.now()) === undefined) return;
      await this.#nextLogEvent(
        uid,
        current === undefined ? undefined : nextLineAt(found.program, current, now),
        options,
      );
      if (this.#stopping.signal.aborted || options.signal?.aborted === true) return;
    }
  }

  checkpointPod(uid: string, options: CheckpointOptions): Promise<DumpReport> {
    return this.#operation(async () => {
      this.#outputFiles?.flush();
      const pod = this.#find(uid);
      try {
        return await this.#dumping.checkpoint(pod, uid, options);
      } catch (error) {
        this.#waits.checkAlive();
        if (pod !== undefined) this.#dumping.thaw(pod);
        throw error;
      }
    });
  }

  restorePod(pod: PodToRun, directory: string, options: RestoreOptions = {}): Promise<void> {
    return this.#operation(() => this.#restoring.restore(newPod(pod, this.#hasImage), directory, options));
  }

  freezePod(uid: string): Promise<void> {
    return this.#operation(async () => {
      const pod = this.#find(uid);
      if (pod !== undefined) this.#dumping.freeze(pod);
    });
  }

  thawPod(uid: string): Promise<void> {
    return this.#operation(async () => {
      const pod = this.#find(uid);
      if (pod !== undefined) this.#dumping.thaw(pod);
    });
  }

  recoverDump(uid: string, options: CheckpointOptions): Promise<'running' | 'dumped' | 'lost'> {
    return this.#operation(() => this.#dumping.recover(this.#find(uid), uid, options));
  }

  /** Steps the container's process has done since it first started, over all its incarnations; undefined: no process. */
  progressOf(uid: string, container: string): number | undefined {
    const found = this.#find(uid)?.containers.find(({ name }) => name === container);
    return found?.run === undefined ? undefined : progressOfRun(found.program, found.run, this.#clock.now());
  }

  /** Every step written to the output (see `outputOf`) by anyone on machines that share it, in the order of time. */
  outputOf(name: string): number[] {
    this.machine.pods(this.#clock.now());
    return this.machine.outputs.steps(name, this.#clock.now());
  }

  /**
   * Ends this runtime as the end of its process would: what waits is cut off where it stands, and nothing is undone. The
   * machine's pods go on.
   */
  async stop(): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#outputFiles?.flush();
      this.#waits.end();
      this.#stopping.abort();
    }
    this.#outputFiles?.stop();
    for (const alarm of this.#alarms.values()) alarm.cancel();
    this.#alarms.clear();
    await Promise.allSettled([...this.#operations]);
  }

  #openMachine(): SimulatedMachine {
    const outputs = new SimulatedOutputs();
    return this.#stateFile === undefined ? new SimulatedMachine(outputs) : readMachine(this.#stateFile, outputs);
  }

  #find(uid: string): SimulatedPod | undefined {
    return this.machine.pod(uid, this.#clock.now());
  }

  #containerOf(uid: string, container: string) {
    const pod = this.#find(uid);
    if (pod === undefined) throw new FermataError('PodNotFound', `no pod with UID ${uid} is on this node`);
    const found = pod.containers.find(({ name }) => name === container);
    if (found === undefined) {
      throw new FermataError('ContainerNotFound', `pod ${pod.namespace}/${pod.name} has no container ${container}`);
    }
    return { pod, container: found };
  }

  #changed(uid: string): void {
    // Outputs first: they note in the state where a new run's lines begin.
    this.#outputFiles?.flush();
    if (this.#stateFile !== undefined) writeMachine(this.#stateFile, this.machine, this.#clock.now());
    const pod = this.#find(uid);
    this.#alarms.get(uid)?.cancel();
    this.#alarms.delete(uid);
    if (pod !== undefined) this.#arm(pod);
    this.#feed.publish(uid);
  }

  /** One alarm a pod, for what happens to it by itself. */
  #arm(pod: SimulatedPod): void {
    const at = this.machine.nextChange(pod);
    if (at === undefined || this.#stopping.signal.aborted) return;
    const delay = Math.min(Math.max(0, at - this.#clock.now()), LONGEST_ALARM_MILLISECONDS);
    this.#alarms.set(
      pod.uid,
      this.#clock.setTimer(delay, () => {
        this.#alarms.delete(pod.uid);
        if (at <= this.#clock.now()) this.#changed(pod.uid);
        else this.#arm(pod);
      }),
    );
  }

  async #nextLogEvent(uid: string, lineAt: number | undefined, options: LogOptions): Promise<void> {
    const done = new AbortController();
    const signals = [done.signal, this.#stopping.signal];
    if (options.signal !== undefined) signals.push(options.signal);
    const either = AbortSignal.any(signals);
    const change = this.#feed.next(uid, either);
    const line =
      lineAt === undefined
        ? change
        : this.#clock.sleep(Math.max(0, lineAt - this.#clock.now()), either).catch((error: unknown) => {
            if (!either.aborted) throw error;
          });
    try {
      await Promise.race([change, line]);
    } finally {
      done.abort();
    }
  }

  /** Registers an operation, so that `stop` can wait for it. */
  #operation<T>(work: () => Promise<T>): Promise<T> {
    const operation = (async () => {
      this.#waits.checkAlive();
      return work();
    })();
    this.#operations.add(operation);
    const forget = (): void => {
      this.#operations.delete(operation);
    };
    operation.then(forget, forget);
    return operation;
  }

  async #passOrFail(
    code: string,
    milliseconds: number,
    fault: PlainFault | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await this.#waits.pass(milliseconds + (fault?.kind === 'slow' ? fault.milliseconds : 0), signal);
    if (fault?.kind === 'fail') throw new FermataError(code, fault.reason);
  }

  #vary(milliseconds: number): number {
    const factor = this.#random === undefined ? 1 : 1 - JITTER + 2 * JITTER * this.#random();
    return Math.round(milliseconds * factor);
  }
}
