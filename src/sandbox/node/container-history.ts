import type { ContainerStatus } from '../../model/index.ts';
import type { ContainerObservation } from '../../runtime/index.ts';

/** How a run of a container ended. Times in ms since the epoch. */
export interface Ended {
  exitCode: number;
  reason: string;
  message?: string;
  startedAt?: number;
  finishedAt?: number;
}

/** What is known of one container over its runs. Absent: it never ran. */
export interface ContainerHistory {
  restartCount: number;
  /** Start of the run last seen. */
  startedAt?: number;
  /** False when `startedAt` was read back from a status, which has whole seconds only. */
  exact: boolean;
  /** How the run last seen ended; absent while it runs. */
  ended?: Ended;
  /** How the run before it ended. */
  previous?: Ended;
}

/** The history with what is seen now: another start than the one known is another run. */
export function withObservation(
  history: ContainerHistory | undefined,
  seen: ContainerObservation,
): ContainerHistory | undefined {
  if (seen.state === 'created') return history;
  const sameRun =
    history?.startedAt === undefined || seen.startedAt === undefined
      ? history?.ended === undefined || seen.state === 'exited'
      : sameStart(history, seen.startedAt);
  const base = history ?? { restartCount: 0, exact: true };
  const startedAt = seen.startedAt ?? (sameRun ? base.startedAt : undefined);
  const previous = sameRun ? base.previous : base.ended;
  return {
    restartCount: sameRun ? base.restartCount : base.restartCount + 1,
    exact: seen.startedAt !== undefined || base.exact,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(seen.state === 'exited' ? { ended: endOf(seen) } : {}),
    ...(previous === undefined ? {} : { previous }),
  };
}

function sameStart(history: ContainerHistory, startedAt: number): boolean {
  if (history.exact) return history.startedAt === startedAt;
  return Math.floor((history.startedAt ?? 0) / 1000) === Math.floor(startedAt / 1000);
}

/** How the container that is seen exited ended, with the kubelet's reasons. */
export function endOf(seen: ContainerObservation): Ended {
  const exitCode = seen.exitCode ?? 255;
  return {
    exitCode,
    reason: seen.reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
    ...(seen.startedAt === undefined ? {} : { startedAt: seen.startedAt }),
    ...(seen.finishedAt === undefined ? {} : { finishedAt: seen.finishedAt }),
  };
}

/** The history as the pod's status tells it: what is left after the node itself was started again. */
export function historyFrom(status: ContainerStatus): ContainerHistory | undefined {
  const { running, terminated, waiting } = status.state ?? {};
  const last = status.lastState?.terminated;
  const current = terminated ?? (waiting?.reason === 'CrashLoopBackOff' ? last : undefined);
  if (current !== undefined) {
    const ended = parseEnd(current);
    return {
      restartCount: status.restartCount,
      exact: false,
      ended,
      ...(ended.startedAt === undefined ? {} : { startedAt: ended.startedAt }),
    };
  }
  const startedAt = parseTime(running?.startedAt);
  if (startedAt === undefined && last === undefined && status.restartCount === 0) return undefined;
  return {
    restartCount: status.restartCount,
    exact: false,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(last === undefined ? {} : { previous: parseEnd(last) }),
  };
}

type Terminated = NonNullable<NonNullable<ContainerStatus['state']>['terminated']>;

function parseEnd(terminated: Terminated): Ended {
  const startedAt = parseTime(terminated.startedAt);
  const finishedAt = parseTime(terminated.finishedAt);
  return {
    exitCode: terminated.exitCode,
    reason: terminated.reason ?? 'Error',
    ...(terminated.message === undefined ? {} : { message: terminated.message }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
  };
}

function parseTime(text: unknown): number | undefined {
  const milliseconds = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}
