/** A checkpoint as far as retention cares. Times in ms since the epoch. */
export interface RetainedCheckpoint {
  /** Unique, e.g. `namespace/name`. */
  id: string;
  /** Key of the workload whose state it holds. */
  workload: string;
  /** `pending`: still being made; `failed`: holds no data. */
  state: 'pending' | 'ready' | 'failed';
  /** When its dump began: the order of the states, which checkpoints need not become Ready in. */
  takenAt: number;
  reason: 'Preemption' | 'Idle' | 'Drain' | 'Migration' | 'Periodic' | 'Manual';
  /** The dump stopped the pod, and nobody has gone on from it yet. */
  suspends: boolean;
  /** Somebody said that no rule removes it. */
  pinned: boolean;
  /** A living pod goes on from it: it waits to be restored, or would be restored again after a crash. */
  awaited: boolean;
}

export interface RetainedWorkload {
  workload: string;
  /** `orphaned`: its owner deleted it while it was suspended. */
  state: 'running' | 'suspended' | 'ended' | 'orphaned';
  /** When it ended or was deleted. Absent for the living. */
  since?: number;
}

export interface RetentionGraces {
  /** How long checkpoints of a workload that ended stay. Default 10 min: time to look at what happened. */
  endedMilliseconds: number;
  /** How long those of a workload stay that was deleted while suspended. Default 1 h: time to notice a slip. */
  orphanedMilliseconds: number;
  /** How long the record of a failed checkpoint stays. Default 1 h. */
  failedMilliseconds: number;
}

export const DEFAULT_GRACES: RetentionGraces = {
  endedMilliseconds: 10 * 60_000,
  orphanedMilliseconds: 60 * 60_000,
  failedMilliseconds: 60 * 60_000,
};

export interface RetentionPlan {
  expendable: ExpendableCheckpoint[];
  /** When something more may become expendable without anything happening; absent: never. */
  lookAgainAt?: number;
}

export interface ExpendableCheckpoint {
  id: string;
  /** `Superseded`: a later state of the workload is Ready. */
  why: 'Superseded' | 'WorkloadEnded' | 'WorkloadDeleted' | 'Failed';
}

/**
 * Which checkpoints may go. Of a living workload the latest Ready one stays, and whatever it is suspended by; of an
 * ended one all go after a grace; manual ones are their maker's, and go only by hand. What a pod waits for stays, and so
 * does everything of a workload nothing is known of.
 */
export function planRetention(
  checkpoints: readonly RetainedCheckpoint[],
  workloads: readonly RetainedWorkload[],
  now: number,
  graces: RetentionGraces = DEFAULT_GRACES,
): RetentionPlan {
  const byKey = new Map(workloads.map((workload) => [workload.workload, workload]));
  const latest = latestReady(checkpoints);
  const plan: RetentionPlan = { expendable: [] };

  const goes = (id: string, why: ExpendableCheckpoint['why'], at: number): void => {
    if (at <= now) plan.expendable.push({ id, why });
    else plan.lookAgainAt = Math.min(plan.lookAgainAt ?? at, at);
  };

  for (const checkpoint of checkpoints) {
    const { id, reason, state, takenAt, awaited, pinned, suspends } = checkpoint;
    const workload = byKey.get(checkpoint.workload);
    if (reason === 'Manual' || pinned || awaited || state === 'pending') continue;
    if (state === 'failed') {
      goes(id, 'Failed', takenAt + graces.failedMilliseconds);
      continue;
    }
    const since = workload?.since ?? now;
    if (workload?.state === 'ended') goes(id, 'WorkloadEnded', since + graces.endedMilliseconds);
    else if (workload?.state === 'orphaned') goes(id, 'WorkloadDeleted', since + graces.orphanedMilliseconds);
    else if (workload !== undefined && !suspends && latest.get(checkpoint.workload) !== checkpoint) {
      goes(id, 'Superseded', now);
    }
  }
  return plan;
}

/** Workload → its Ready checkpoint of the latest state; of several at one instant, the last by id. */
function latestReady(checkpoints: readonly RetainedCheckpoint[]): Map<string, RetainedCheckpoint> {
  const latest = new Map<string, RetainedCheckpoint>();
  for (const checkpoint of checkpoints) {
    if (checkpoint.state !== 'ready') continue;
    const known = latest.get(checkpoint.workload);
    const later =
      known === undefined ||
      checkpoint.takenAt > known.takenAt ||
      (checkpoint.takenAt === known.takenAt && checkpoint.id > known.id);
    if (later) latest.set(checkpoint.workload, checkpoint);
  }
  return latest;
}
