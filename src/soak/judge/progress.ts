import type { OutputEntry, ProcessEntry } from '../history.ts';
import { checkpointUidOf, type Facts, isAlive, type ProgressFact } from './facts.ts';
import type { Report, Rule } from './rule.ts';

/**
 * Invariants 2 (never two running incarnations), 3 (progress never falls below the last `Ready` checkpoint, and never at
 * all without a failure) and 9 (work is done exactly once). Progress is the counter in the simulated processes, what was
 * done twice or never is read from their output.
 */
export function progressRule(): Rule {
  /** Killed in this moment, which ends before it is asked why. */
  let killed: { entry: ProcessEntry; progress: ProgressFact }[] = [];
  return (entry, facts, report) => {
    if (killed.length > 0 && entry.at > (killed[0]?.entry.at ?? 0)) {
      for (const one of killed) judgeKilling(one.entry, one.progress, report);
      killed = [];
    }
    if (entry.kind === 'output') judgeOutput(entry, facts, report);
    if (entry.kind !== 'process') return;
    if (entry.fact === 'started' || entry.fact === 'restored' || entry.fact === 'thawed') {
      judgeTwins(entry, facts, report);
      judgeRevival(entry, facts, report);
    }
    if (entry.fact === 'started') judgeStart(entry, facts, report);
    if (entry.fact === 'restored') judgeRestore(entry, facts, report);
    if (entry.fact === 'ended' && entry.reason === 'killed') {
      killed.push({ entry, progress: facts.progressOf(entry.workload, entry.container) });
    }
  };
}

function judgeTwins(entry: ProcessEntry, facts: Facts, report: Report): void {
  for (const uid of facts.alive.get(entry.workload) ?? []) {
    if (uid === entry.podUid) continue;
    const other = facts.pods.get(uid);
    const process = [...(other?.processes.values() ?? [])].find(isAlive);
    report(
      2,
      entry.workload,
      `pod ${entry.namespace}/${entry.pod} (${entry.podUid}) runs on node ${entry.node} while an incarnation of the same workload (${uid}) is ${process?.state ?? 'there'} on node ${process?.node ?? 'unknown'}`,
    );
    return;
  }
}

/** From the instant of its dump a stopped victim never runs again. */
function judgeRevival(entry: ProcessEntry, facts: Facts, report: Report): void {
  const stopped = facts.stoppedBy(entry.podUid);
  if (stopped === undefined) return;
  report(
    9,
    entry.workload,
    `pod ${entry.namespace}/${entry.pod} was ${entry.fact} after its checkpoint ${stopped.key} was Ready`,
  );
}

function judgeStart(entry: ProcessEntry, facts: Facts, report: Report): void {
  const progress = facts.progressOf(entry.workload, entry.container);
  if (progress.floor > 0) {
    report(
      3,
      entry.workload,
      `${entry.container} began anew on node ${entry.node} although checkpoint ${progress.floorBy} holds step ${progress.floor}`,
    );
  } else judgeFall(entry, progress, report);
}

function judgeRestore(entry: ProcessEntry, facts: Facts, report: Report): void {
  const { directory = '', workload, container, step } = entry;
  const progress = facts.progressOf(workload, container);
  const dump = facts.dumps.get(checkpointUidOf(directory));
  const where = `on node ${entry.node} from ${directory}`;
  if (dump === undefined) {
    report(9, workload, `${container} was restored ${where}, which no dump is known to have made`);
  } else if (dump.workload !== workload) {
    report(9, workload, `${container} was restored ${where}, which holds workload ${dump.workload}`);
  } else if (dump.steps.get(container) !== step) {
    const held = dump.steps.get(container);
    report(9, workload, `${container} was restored at step ${step} ${where}, which holds step ${held ?? 'of nothing'}`);
  } else if (dump.spoilt !== undefined) {
    report(5, workload, `${container} was restored ${where}, which fault ${dump.spoilt} made no checkpoint`);
  }
  const damagedAt = dump?.damaged.get(directory);
  const boundAt = facts.boundAt.get(entry.podUid);
  if (damagedAt !== undefined && boundAt !== undefined && damagedAt < boundAt) {
    report(5, workload, `${container} was restored ${where}, whose data was damaged before pod ${entry.pod} was bound`);
  }
  if (step < progress.floor) {
    report(
      3,
      workload,
      `${container} was restored at step ${step} ${where}, below step ${progress.floor} of ${progress.floorBy}`,
    );
  } else judgeFall(entry, progress, report);
}

function judgeFall(entry: ProcessEntry, progress: ProgressFact, report: Report): void {
  const { workload, container, step } = entry;
  if (progress.finished && progress.excuse === undefined) {
    report(
      9,
      workload,
      `${container} was ${entry.fact} on node ${entry.node} after it had finished at step ${progress.highest}`,
    );
  } else if (step < progress.highest && progress.excuse === undefined) {
    report(
      3,
      workload,
      `${container} fell from step ${progress.highest} to ${step} on node ${entry.node} although nothing had failed`,
    );
  }
}

/** The lines of one process follow one another, and none comes from a victim after its dump. */
function judgeOutput(entry: OutputEntry, facts: Facts, report: Report): void {
  const { workload, container, first, last, podUid } = entry;
  const process = facts.pods.get(podUid)?.processes.get(container);
  if (process !== undefined && first !== process.written + 1) {
    const what =
      first > process.written + 1
        ? `left out ${process.written + 1}–${first - 1}`
        : `wrote ${first}–${process.written} again`;
    report(9, workload, `${container} of pod ${podUid} ${what} on node ${entry.node}`);
  }
  const stopped = facts.stoppedBy(podUid);
  const held = stopped === undefined ? undefined : facts.dumps.get(stopped.uid)?.steps.get(container);
  if (held !== undefined && last > held) {
    report(
      9,
      workload,
      `${container} of pod ${podUid} wrote ${held + 1}–${last} after ${stopped?.key} had stopped it at step ${held}`,
    );
  }
}

/** A running process may only be killed by what cannot be helped, or on its owner's behalf. */
function judgeKilling(entry: ProcessEntry, progress: ProgressFact, report: Report): void {
  if (progress.excuse !== undefined) return;
  report(
    7,
    entry.workload,
    `${entry.container} of pod ${entry.namespace}/${entry.pod} was killed at step ${entry.step} on node ${entry.node}, and nobody may have done that`,
  );
}
