/** What may be kept, of one workload or of a namespace. What is not named is not limited. */
export interface RetentionLimits {
  maxCheckpoints?: number;
  /** Of one checkpoint. */
  maxCheckpointBytes?: number;
  /** Of all together. */
  maxTotalBytes?: number;
  /** Since the dump began. */
  maxAgeMilliseconds?: number;
}

/** A checkpoint that holds data, as far as limits care. */
export interface LimitedCheckpoint {
  id: string;
  workload: string;
  /** When its dump began, in ms since the epoch. */
  takenAt: number;
  sizeBytes: number;
  /**
   * Counts, and never goes: it is pinned, the only copy of what a suspended workload computed, the latest state of a living one,
   * or a pod waits for it.
   */
  kept: boolean;
}

export interface OverLimit {
  id: string;
  why: 'TooOld' | 'TooLarge' | 'TooMany' | 'TooMuch';
  /** One sentence with the numbers. */
  because: string;
}

export interface LimitPlan {
  expendable: OverLimit[];
  /** When the next becomes too old, in ms since the epoch; absent: none will. */
  lookAgainAt?: number;
}

/**
 * Which checkpoints of one namespace go because there are more than allowed. For each workload: what is too old, then what is too
 * large, then the oldest until their number and then their size is within its limits; then the same across the namespace. What goes
 * at one step does not count in the next.
 */
export function planLimits(
  checkpoints: readonly LimitedCheckpoint[],
  limits: { ofWorkload: (workload: string) => RetentionLimits | undefined; ofNamespace?: RetentionLimits },
  now: number,
): LimitPlan {
  const oldestFirst = checkpoints.toSorted((one, other) => one.takenAt - other.takenAt || (one.id < other.id ? -1 : 1));
  const plan: LimitPlan = { expendable: [] };
  const left: LimitedCheckpoint[] = [];
  for (const [workload, own] of Map.groupBy(oldestFirst, (checkpoint) => checkpoint.workload)) {
    left.push(...enforce(own, limits.ofWorkload(workload) ?? {}, 'the workload', now, plan));
  }
  left.sort((one, other) => oldestFirst.indexOf(one) - oldestFirst.indexOf(other));
  enforce(left, limits.ofNamespace ?? {}, 'the namespace', now, plan);
  return plan;
}

/** Adds to the plan what goes; returns what stays. */
function enforce(
  oldestFirst: readonly LimitedCheckpoint[],
  limits: RetentionLimits,
  whose: string,
  now: number,
  plan: LimitPlan,
): LimitedCheckpoint[] {
  const { maxCheckpoints, maxCheckpointBytes, maxTotalBytes, maxAgeMilliseconds } = limits;
  let left = [...oldestFirst];
  const goes = (checkpoint: LimitedCheckpoint, why: OverLimit['why'], because: string): void => {
    plan.expendable.push({ id: checkpoint.id, why, because });
    left = left.filter((one) => one !== checkpoint);
  };
  for (const checkpoint of oldestFirst) {
    if (checkpoint.kept) continue;
    const { takenAt, sizeBytes } = checkpoint;
    const tooOldAt = takenAt + (maxAgeMilliseconds ?? Number.POSITIVE_INFINITY);
    if (tooOldAt <= now) goes(checkpoint, 'TooOld', `it is older than ${maxAgeMilliseconds} ms`);
    else if (sizeBytes > (maxCheckpointBytes ?? Number.POSITIVE_INFINITY)) {
      goes(checkpoint, 'TooLarge', `it has ${sizeBytes} bytes, ${maxCheckpointBytes} are allowed`);
    } else if (tooOldAt < (plan.lookAgainAt ?? Number.POSITIVE_INFINITY)) plan.lookAgainAt = tooOldAt;
  }
  for (const checkpoint of left) {
    if (left.length <= (maxCheckpoints ?? Number.POSITIVE_INFINITY)) break;
    if (!checkpoint.kept) goes(checkpoint, 'TooMany', `${whose} has ${left.length}, ${maxCheckpoints} are allowed`);
  }
  for (const checkpoint of left) {
    const total = left.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (total <= (maxTotalBytes ?? Number.POSITIVE_INFINITY)) break;
    if (!checkpoint.kept) goes(checkpoint, 'TooMuch', `${whose} has ${total} bytes, ${maxTotalBytes} are allowed`);
  }
  return left;
}
