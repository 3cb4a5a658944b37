import type { FaultEntry, FetchEntry, NodeEntry, OutputEntry, ProcessEntry } from '../history.ts';
import { excuseOf } from './excuses.ts';
import {
  checkpointUidOf,
  type DumpFact,
  type Facts,
  indexed,
  isAlive,
  isPresent,
  type PodFact,
  type ProcessFact,
} from './facts.ts';

/** Keeps up with what happens on the machines. */
export class MachineBook {
  readonly #facts: Facts;
  /** Directory → fault that the next dump into it meets. */
  readonly #awaitedFaults = new Map<string, string>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  output(entry: OutputEntry): void {
    const process = this.#facts.pods.get(entry.podUid)?.processes.get(entry.container);
    if (process !== undefined) process.written = Math.max(process.written, entry.last);
    const progress = this.#facts.progressOf(entry.workload, entry.container);
    progress.highest = Math.max(progress.highest, entry.last);
  }

  process(entry: ProcessEntry): void {
    const facts = this.#facts;
    const pod =
      facts.pods.get(entry.podUid) ?? this.#facts.podFact(entry.podUid, `${entry.namespace}/${entry.pod}`, undefined);
    const progress = facts.progressOf(entry.workload, entry.container);
    const process = this.#processFact(pod, entry);
    process.step = entry.step;
    process.node = entry.node;
    process.changedAt = entry.at;
    const node = facts.node(entry.node);
    switch (entry.fact) {
      case 'started':
      case 'restored':
        process.state = 'running';
        process.written = entry.step;
        process.startedAt = entry.at;
        process.checkpointUid = undefined;
        progress.highest = entry.step;
        progress.excuse = undefined;
        progress.finished = false;
        if (entry.fact === 'restored') this.#restored(entry);
        break;
      case 'frozen':
        process.state = 'frozen';
        process.checkpointUid = checkpointUidOf(entry.directory ?? '');
        this.#frozen(entry);
        break;
      case 'dumped':
      case 'thawed': {
        process.state = entry.fact === 'dumped' ? 'dumped' : 'running';
        const dump = facts.dumps.get(process.checkpointUid ?? '');
        if (dump !== undefined) {
          dump.state = entry.fact;
          dump.steps.set(entry.container, entry.step);
          if (entry.fact === 'dumped' && dump.spoilt !== undefined) progress.excuse ??= `fault ${dump.spoilt}`;
        }
        break;
      }
      case 'ended': {
        process.state = 'ended';
        progress.finished = entry.reason === 'finished';
        progress.excuse ??= excuseOf(entry, facts);
        // The containers of a checkpoint belong together: those that had finished go back with the one that failed.
        if (progress.excuse !== undefined) {
          for (const other of pod.processes.values()) {
            if (other.state !== 'ended' || other === process) continue;
            facts.progressOf(other.workload, other.container).excuse ??= 'another container of its pod ended';
          }
        }
        if (node.killed.at !== entry.at) node.killed = { at: entry.at, progress: [] };
        node.killed.progress.push(progress);
        break;
      }
      case 'removed':
        process.state = 'removed';
    }
    progress.highest = Math.max(progress.highest, entry.step);
    const alive = indexed(facts.alive, entry.workload);
    if ([...pod.processes.values()].some((one) => one.workload === entry.workload && isAlive(one))) alive.add(pod.uid);
    else alive.delete(pod.uid);
    if (alive.size === 0) facts.alive.delete(entry.workload);
    if ([...pod.processes.values()].some(isPresent)) node.machine.set(pod.uid, pod);
    else {
      node.machine.delete(pod.uid);
      this.#facts.forget(pod);
    }
  }

  #restored(entry: ProcessEntry): void {
    const checkpoint = this.#facts.checkpoints.get(checkpointUidOf(entry.directory ?? ''));
    if (checkpoint !== undefined) checkpoint.restored = true;
  }

  #frozen(entry: ProcessEntry): void {
    const { directory = '' } = entry;
    const checkpointUid = checkpointUidOf(directory);
    const known = this.#facts.dumps.get(checkpointUid);
    // The other containers of the pod, in the same dump.
    if (known?.state === 'frozen' && known.podUid === entry.podUid && !known.steps.has(entry.container)) {
      known.steps.set(entry.container, entry.step);
      return;
    }
    const dump: DumpFact = {
      checkpointUid,
      directory,
      node: entry.node,
      podUid: entry.podUid,
      workload: entry.workload,
      steps: new Map([[entry.container, entry.step]]),
      leaveRunning: entry.leaveRunning === true,
      state: 'frozen',
      spoilt: this.#faultOf(directory, entry.leaveRunning === true),
      damaged: new Map(),
    };
    this.#awaitedFaults.delete(directory);
    this.#facts.dumps.set(checkpointUid, dump);
  }

  #faultOf(directory: string, leaveRunning: boolean): string | undefined {
    const fault = this.#awaitedFaults.get(directory);
    // A pod that goes on is what was asked for.
    return leaveRunning && fault === 'dump/runOn' ? undefined : fault;
  }

  fault(entry: FaultEntry): void {
    const { directory, fault, podUid } = entry;
    if (podUid !== undefined && LETHAL.has(fault)) this.#facts.lethal.set(podUid, fault);
    if (directory === undefined) return;
    if (SPOILING.has(fault)) {
      const dump = this.#facts.dumps.get(checkpointUidOf(directory));
      if (dump?.state === 'frozen' && dump.directory === directory) dump.spoilt = fault;
      else this.#awaitedFaults.set(directory, fault);
    } else if (DAMAGING.has(fault)) {
      this.#facts.dumps.get(checkpointUidOf(directory))?.damaged.set(directory, entry.at);
    }
  }

  /** A copy is as good as what it was made of. */
  fetch({ at, directory, from }: FetchEntry): void {
    const damaged = this.#facts.dumps.get(checkpointUidOf(directory))?.damaged;
    if (damaged?.has(from)) damaged.set(directory, at);
    else damaged?.delete(directory);
  }

  node(entry: NodeEntry): void {
    const node = this.#facts.node(entry.node);
    if (entry.what === 'powerFailed' || entry.what === 'lost') {
      node.diedAt = entry.at;
      if (node.killed.at === entry.at) {
        for (const progress of node.killed.progress) progress.excuse ??= `node ${entry.node} failed`;
      }
      for (const pod of node.machine.values()) {
        for (const { workload, container } of pod.processes.values()) {
          this.#facts.progressOf(workload, container).excuse ??= `node ${entry.node} failed`;
        }
      }
    }
    if (entry.what === 'lost') node.lost = true;
    if (entry.what === 'added') node.lost = false;
  }

  #processFact(pod: PodFact, entry: ProcessEntry): ProcessFact {
    let process = pod.processes.get(entry.container);
    if (process === undefined) {
      process = {
        workload: entry.workload,
        container: entry.container,
        podUid: entry.podUid,
        node: entry.node,
        state: 'running',
        step: entry.step,
        written: entry.step,
        checkpointUid: undefined,
        startedAt: entry.at,
        changedAt: entry.at,
      };
      pod.processes.set(entry.container, process);
    }
    return process;
  }
}

/** Faults after which one copy of the data is worth nothing. */
const DAMAGING: ReadonlySet<string> = new Set(['disk/rot', 'store/rot', 'store/loss']);
/** Faults after which the runtime's report of a dump is a lie. */
const SPOILING: ReadonlySet<string> = new Set(['dump/halfWritten', 'dump/noImage', 'dump/runOn']);
/** Faults that end a pod's processes, or leave nothing else to do with them. */
const LETHAL: ReadonlySet<string> = new Set([
  'dump/kill',
  'dump/halfWritten',
  'dump/noImage',
  'dump/runOn',
  'restore/die',
]);
