import type { JobEnd, JobPhase, JobReport } from './job.ts';
import type { StatusFile } from './poll.ts';

/** What is known of a job, or of all tasks of an array, at one look. */
export interface Findings {
  /** Indices of an array; `[undefined]` for a job that is none. */
  tasks: readonly (string | undefined)[];
  /** From the batch system's list. */
  listed: readonly JobReport[];
  /** The list is younger than the submit: what is not in it has left the queue. */
  isListKnown: boolean;
  /** From accounting; undefined when it was not asked. */
  accounted?: readonly JobReport[];
  statusFiles: readonly StatusFile[];
}

export type Verdict =
  /** Goes on; `native` and `reason` in the batch system's words. */
  | { kind: 'Active'; phase: JobPhase; native: string; reason?: string; nodes?: string }
  /** Seems over, or gone: accounting is to be asked. */
  | { kind: 'AskAccounting' }
  /** Gone, and nobody says how (yet). */
  | { kind: 'Unknown' }
  | { kind: 'Ended'; ends: JobEnd[] };

/**
 * What to believe: the batch system's list while the job is in it, accounting when it is over, what the job wrote of itself
 * where accounting knows nothing. Never a guess: otherwise `Unknown`.
 */
export function verdictOf(findings: Findings): Verdict {
  const { tasks, listed, isListKnown, accounted, statusFiles } = findings;
  const active = listed.filter(({ phase }) => phase !== 'Ended');
  const ownWord = new Map(statusFiles.map(({ task, ended }) => [task, ended]));
  const seemsOver = tasks.every((task) => ownWord.get(task) !== undefined);
  if (active.length > 0 && !seemsOver) return summary(active);
  if (listed.length === 0 && !isListKnown && !seemsOver) {
    return { kind: 'Active', phase: 'Pending', native: 'submitted' };
  }
  if (accounted === undefined) return { kind: 'AskAccounting' };

  const known = new Map(accounted.map((report) => [report.task, report]));
  const ends = tasks.map((task) => known.get(task)?.end);
  if (isComplete(ends)) return { kind: 'Ended', ends };
  const notOver = [...active, ...accounted.filter(({ phase }) => phase !== 'Ended')];
  if (notOver.length > 0) return summary(notOver);
  // A job that runs on for a moment after its program ended may yet be called timed out or out of memory.
  if (!isListKnown) return { kind: 'Unknown' };
  const ownEnds = tasks.map((task) => known.get(task)?.end ?? endByOwnWord(ownWord.get(task)));
  return isComplete(ownEnds) ? { kind: 'Ended', ends: ownEnds } : { kind: 'Unknown' };
}

function isComplete(ends: (JobEnd | undefined)[]): ends is JobEnd[] {
  return ends.every((end) => end !== undefined);
}

/** What a shell calls an exit status above 128 is a signal. */
function endByOwnWord(code: number | undefined): JobEnd | undefined {
  if (code === undefined) return undefined;
  return code > 128 && code <= 128 + 64
    ? { kind: 'Signalled', signal: code - 128 }
    : { kind: 'Exited', exitCode: code };
}

/** An array runs when one of its tasks does. */
function summary(active: readonly JobReport[]): Verdict {
  const order: JobPhase[] = ['Running', 'Suspended', 'Pending'];
  const report = order.flatMap((phase) => active.filter((one) => one.phase === phase))[0];
  if (report === undefined) return { kind: 'Unknown' };
  const { phase, native, reason, nodes } = report;
  return {
    kind: 'Active',
    phase,
    native,
    ...(reason === undefined ? {} : { reason }),
    ...(nodes === undefined ? {} : { nodes }),
  };
}
