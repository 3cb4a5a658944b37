import { hash } from 'node:crypto';
import { KILLED_EXIT_CODE } from '../demo-program.ts';
import type { ContainerObservation, PodObservation } from '../runtime.ts';
import type { DumpFault, RestoreFault } from './faults.ts';
import { SimulatedOutputs } from './outputs.ts';
import type { Program } from './program.ts';
import { endOfRun, endRun, freezeRun, memoryOfRun, type Run, type Stretch, settleRun, thawRun } from './run.ts';

/** Plain data throughout: a machine can be written down as JSON and read back. */
export interface SimulatedPod {
  uid: string;
  namespace: string;
  name: string;
  containers: SimulatedContainer[];
  dump?: DumpUnderWay | undefined;
  /** Its processes stand still, for no dump. */
  paused?: true | undefined;
  restore?: RestoreUnderWay | undefined;
  /** Directory of the dump that stopped it for good. */
  dumpedTo?: string;
  /** Directory it came from. */
  restoredFrom?: string;
  /** Why its restore failed; it is then no more on the machine. */
  restoreFailure?: string;
}

export interface SimulatedContainer {
  name: string;
  image: string;
  id: string;
  init: boolean;
  program: Program;
  memoryLimitBytes?: number;
  output?: { name: string; onVolume: boolean };
  state: 'created' | 'running' | 'exited' | 'frozen';
  /** Its checkpoint holds no process of it. */
  endedBeforeDump?: true;
  /** The present life, or the last one. */
  run?: Run;
  previousRun?: Run;
}

export interface DumpUnderWay {
  directory: string;
  leaveRunning: boolean;
  startedAt: number;
  /** When CRIU is done, one way or the other; absent: it hangs. */
  endsAt?: number;
  fault?: DumpFault;
  /** The images of these containers are complete, and what becomes of them is being decided elsewhere. */
  held?: string[];
}

export interface RestoreUnderWay {
  directory: string;
  /** Absent: it hangs. */
  endsAt?: number;
  fault?: RestoreFault;
  processes: RestoredProcess[];
  /** What is back when it ends stands still until this is taken away. */
  held?: boolean;
}

/** A container as its checkpoint holds it: frozen in the middle of its work, or exited before. */
export interface RestoredProcess {
  container: string;
  program: Program;
  fromStep: number;
  carriedMilliseconds: number;
  history: Stretch[];
  ended?: { at: number; exitCode: number };
}

/**
 * What outlives the agent's process: the pods of one simulated node with their processes, dumps and restores, which go on
 * while nobody looks. Everything follows from the time; a pod is brought up to date when it is looked at. Hand the same
 * machine to a new runtime after a crash.
 */
export class SimulatedMachine {
  readonly outputs: SimulatedOutputs;
  readonly #pods = new Map<string, SimulatedPod>();

  /** @param outputs shared between the nodes of one world; default: of its own */
  constructor(outputs: SimulatedOutputs = new SimulatedOutputs(), pods: readonly SimulatedPod[] = []) {
    this.outputs = outputs;
    for (const pod of pods) {
      this.#pods.set(pod.uid, pod);
      for (const container of pod.containers) {
        if (container.previousRun !== undefined) this.#record(pod, container, container.previousRun);
        if (container.run !== undefined) this.#record(pod, container, container.run);
      }
    }
  }

  /** The pods, up to date, in the order in which they came. */
  pods(now: number): SimulatedPod[] {
    for (const pod of [...this.#pods.values()]) this.settle(pod, now);
    return [...this.#pods.values()];
  }

  pod(uid: string, now: number): SimulatedPod | undefined {
    const pod = this.#pods.get(uid);
    if (pod !== undefined) this.settle(pod, now);
    return this.#pods.get(uid);
  }

  add(pod: SimulatedPod): void {
    this.#pods.set(pod.uid, pod);
  }

  remove(uid: string): void {
    this.#pods.delete(uid);
  }

  /** Brings a pod up to `now`: ends what has ended, completes a restore that is due. */
  settle(pod: SimulatedPod, now: number): void {
    const endsAt = endOfRestore(pod);
    if (endsAt !== undefined && endsAt <= now) this.#endRestore(pod, endsAt);
    for (const container of pod.containers) {
      const { run, program, memoryLimitBytes } = container;
      if (container.state !== 'running' || run === undefined) continue;
      settleRun(program, run, memoryLimitBytes, now);
      if (run.ended !== undefined) container.state = 'exited';
    }
  }

  /** When something of the pod changes next if nobody acts; undefined: never. */
  nextChange(pod: SimulatedPod): number | undefined {
    const times: number[] = [];
    const restoredAt = endOfRestore(pod);
    if (restoredAt !== undefined) times.push(restoredAt);
    for (const { state, run, program, memoryLimitBytes } of pod.containers) {
      if (state !== 'running' || run === undefined) continue;
      const end = endOfRun(program, run, memoryLimitBytes);
      if (end !== undefined) times.push(end.at);
    }
    return times.length === 0 ? undefined : Math.min(...times);
  }

  start(pod: SimulatedPod, container: SimulatedContainer, run: Run): void {
    if (container.run !== undefined) container.previousRun = container.run;
    container.run = run;
    container.state = 'running';
    this.#record(pod, container, run);
  }

  /** Ends every process of the pod, frozen in a dump or not. */
  kill(pod: SimulatedPod, at: number, exitCode: number): void {
    for (const container of pod.containers) {
      if (container.state !== 'running' || container.run === undefined) continue;
      endRun(container.run, { at, exitCode });
      container.state = 'exited';
    }
  }

  freeze(pod: SimulatedPod, now: number): void {
    for (const { state, run } of pod.containers) {
      if (state === 'running' && run !== undefined) freezeRun(run, now);
    }
  }

  thaw(pod: SimulatedPod, now: number): void {
    for (const { state, run, program } of pod.containers) {
      if (state === 'running' && run !== undefined) thawRun(program, run, now);
    }
  }

  /**
   * The machine loses power and comes back: every process is gone, what was dumped stays. Containers that ran show as
   * exited with 137.
   */
  powerFail(now: number): void {
    for (const pod of this.pods(now)) {
      // A held dump is all that is left of its processes.
      if (pod.dump?.held === undefined) pod.dump = undefined;
      pod.restore = undefined;
      this.kill(pod, now, KILLED_EXIT_CODE);
    }
  }

  #endRestore(pod: SimulatedPod, at: number): void {
    const { restore } = pod;
    if (restore === undefined) return;
    pod.restore = undefined;
    if (restore.fault?.kind === 'fail') {
      pod.restoreFailure = restore.fault.reason;
      this.#pods.delete(pod.uid);
      return;
    }
    pod.restoredFrom = restore.directory;
    for (const process of restore.processes) {
      const container = pod.containers.find(({ name }) => name === process.container);
      if (container === undefined) continue;
      // CRIU brings the process back as it was, whatever the new container's environment says.
      container.program = process.program;
      const { fromStep, carriedMilliseconds, history } = process;
      const run: Run = { stretches: [{ fromStep, carriedMilliseconds, startedAt: at }], inherited: history };
      if (restore.fault?.kind === 'die') {
        run.doom = { at: at + restore.fault.milliseconds, exitCode: restore.fault.exitCode ?? 139 };
      }
      this.start(pod, container, run);
      if (process.ended !== undefined) {
        endRun(run, { at, exitCode: process.ended.exitCode });
        container.state = 'exited';
        container.endedBeforeDump = true;
      }
    }
  }

  #record(pod: SimulatedPod, container: SimulatedContainer, run: Run): void {
    if (container.output === undefined) return;
    const { name, program } = container;
    this.outputs.add(container.output.name, { uid: pod.uid, container: name, program, run });
  }
}

/** When the restore ends by itself: a held one only when it fails. */
function endOfRestore({ restore }: SimulatedPod): number | undefined {
  return restore?.held === true && restore.fault?.kind !== 'fail' ? undefined : restore?.endsAt;
}

/** 64 hex digits, the same for the same container in every run. */
export function containerId(uid: string, container: string): string {
  return `simulated://${hash('sha256', `${uid}/${container}`, 'hex')}`;
}

export function memoryOfPod(pod: SimulatedPod, now: number): number {
  let bytes = 0;
  for (const { state, run, program } of pod.containers) {
    if (state === 'running' && run !== undefined) bytes += memoryOfRun(program, run, now);
  }
  return bytes;
}

export function observationOf(pod: SimulatedPod, now: number): PodObservation {
  return {
    uid: pod.uid,
    namespace: pod.namespace,
    name: pod.name,
    containers: pod.containers.map((container) => observeContainer(container, now)),
  };
}

function observeContainer(container: SimulatedContainer, now: number): ContainerObservation {
  const { name, id, image, state, run, program } = container;
  const observation: ContainerObservation = { name, id, image, imageID: `simulated:${image}`, state };
  if (container.endedBeforeDump === true) observation.endedBeforeDump = true;
  const startedAt = run?.stretches[0]?.startedAt;
  if (startedAt !== undefined) observation.startedAt = startedAt;
  if (state === 'running' && run !== undefined) observation.memoryBytes = memoryOfRun(program, run, now);
  if (state === 'exited' && run?.ended !== undefined) {
    observation.finishedAt = run.ended.at;
    observation.exitCode = run.ended.exitCode;
    if (run.ended.reason !== undefined) observation.reason = run.ended.reason;
  }
  if (state === 'frozen') {
    const frozenAt = run?.stretches.at(-1)?.endedAt;
    if (frozenAt !== undefined) observation.finishedAt = frozenAt;
  }
  return observation;
}
