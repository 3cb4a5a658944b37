/** What may be kept, of one container, pod, workload or namespace. What is not named is not limited. */
export interface RetentionLimits {
  maxCheckpoints?: number;
  /** Of one checkpoint. */
  maxCheckpointBytes?: number;
  /** Of all together. */
  maxTotalBytes?: number;
  /** Since the dump began. */
  maxAgeMilliseconds?: number;
}

/** Those of a workload, and of what it consists of: all of them hold. */
export interface WorkloadLimits extends RetentionLimits {
  /** Each pod that runs it: the workload outlives its pods. */
  pod?: RetentionLimits;
  /** Each container of it that is not named. */
  container?: RetentionLimits;
  /** By name, instead of `container`. */
  containers?: ReadonlyMap<string, RetentionLimits>;
}

/** A checkpoint that holds data, as far as limits care. */
export interface LimitedCheckpoint {
  id: string;
  workload: string;
  /** The pod it was made of, unique among pods. */
  pod: string;
  /** When its dump began, in ms since the epoch. */
  takenAt: number;
  sizeBytes: number;
  containers: readonly { name: string; sizeBytes: number }[];
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

/** The smallest first: what goes by the limits of a part does not count in the whole. */
const LEVELS = ['container', 'pod', 'workload', 'namespace'] as const;

/** One checkpoint, or its part, among those that share a limit. */
interface Share {
  level: (typeof LEVELS)[number];
  /** Of those that share it. */
  key: string;
  whose: string;
  limits: RetentionLimits;
  checkpoint: LimitedCheckpoint;
  sizeBytes: number;
}

/**
 * Which checkpoints of one namespace go because there are more than allowed. First each that is too old or too large by itself; then,
 * for each container, each pod, each workload and the namespace, the oldest until their number and then their size is within its
 * limits. A checkpoint goes whole, with all of its containers. What goes at one step does not count in the next.
 */
export function planLimits(
  checkpoints: readonly LimitedCheckpoint[],
  limits: { ofWorkload: (workload: string) => WorkloadLimits | undefined; ofNamespace?: RetentionLimits },
  now: number,
): LimitPlan {
  const oldestFirst = checkpoints.toSorted((one, other) => one.takenAt - other.takenAt || (one.id < other.id ? -1 : 1));
  const shares = oldestFirst.flatMap((checkpoint) =>
    sharesOf(checkpoint, limits.ofWorkload(checkpoint.workload) ?? {}, limits.ofNamespace ?? {}),
  );
  const left = new Set(oldestFirst);
  const expendable: OverLimit[] = [];
  const goes: Goes = ({ checkpoint }, why, because) => {
    if (checkpoint.kept || !left.delete(checkpoint)) return false;
    expendable.push({ id: checkpoint.id, why, because });
    return true;
  };

  for (const share of shares) {
    const { maxAgeMilliseconds, maxCheckpointBytes = Number.POSITIVE_INFINITY } = share.limits;
    if (tooOldAt(share) <= now) goes(share, 'TooOld', `it is older than ${maxAgeMilliseconds} ms`);
    if (share.sizeBytes > maxCheckpointBytes) {
      const what = share.level === 'container' ? `${share.whose} has` : 'it has';
      goes(share, 'TooLarge', `${what} ${share.sizeBytes} bytes, ${maxCheckpointBytes} are allowed`);
    }
  }
  for (const level of LEVELS) {
    const ofLevel = shares.filter((share) => share.level === level);
    for (const sharing of Map.groupBy(ofLevel, ({ key }) => key).values()) {
      enforce(
        sharing.filter(({ checkpoint }) => left.has(checkpoint)),
        goes,
      );
    }
  }
  const next = shares.filter(({ checkpoint }) => left.has(checkpoint) && !checkpoint.kept).map(tooOldAt);
  const lookAgainAt = next.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
  return { expendable, ...(lookAgainAt === Number.POSITIVE_INFINITY ? {} : { lookAgainAt }) };
}

function sharesOf(checkpoint: LimitedCheckpoint, own: WorkloadLimits, ofNamespace: RetentionLimits): Share[] {
  const { workload, pod, containers, sizeBytes } = checkpoint;
  return [
    ...containers.map(({ name, sizeBytes: ofContainer }) => ({
      level: 'container' as const,
      key: `${workload}\n${name}`,
      whose: `container ${name}`,
      limits: own.containers?.get(name) ?? own.container ?? {},
      checkpoint,
      sizeBytes: ofContainer,
    })),
    { level: 'pod', key: pod, whose: 'the pod', limits: own.pod ?? {}, checkpoint, sizeBytes },
    { level: 'workload', key: workload, whose: 'the workload', limits: own, checkpoint, sizeBytes },
    { level: 'namespace', key: '', whose: 'the namespace', limits: ofNamespace, checkpoint, sizeBytes },
  ];
}

function tooOldAt({ checkpoint, limits }: Share): number {
  return checkpoint.takenAt + (limits.maxAgeMilliseconds ?? Number.POSITIVE_INFINITY);
}

/** `sharing`: those that are left, the oldest first. */
function enforce(sharing: readonly Share[], goes: Goes): void {
  const { maxCheckpoints = Number.POSITIVE_INFINITY, maxTotalBytes = Number.POSITIVE_INFINITY } =
    sharing[0]?.limits ?? {};
  let count = sharing.length;
  let total = sharing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const share of sharing) {
    const { whose, sizeBytes } = share;
    const isGone =
      (count > maxCheckpoints && goes(share, 'TooMany', `${whose} has ${count}, ${maxCheckpoints} are allowed`)) ||
      (total > maxTotalBytes && goes(share, 'TooMuch', `${whose} has ${total} bytes, ${maxTotalBytes} are allowed`));
    if (!isGone) continue;
    count--;
    total -= sizeBytes;
  }
}

/** False: it stays. */
type Goes = (share: Share, why: OverLimit['why'], because: string) => boolean;
