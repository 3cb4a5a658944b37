import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import {
  EventRecorder,
  type LeaderElectionTimes,
  LeaderElector,
  type LedProgram,
  type ObjectStore,
  type Term,
} from '../kubernetes/index.ts';
import { parseDuration } from '../model/index.ts';
import type { RoleDependencies, Running } from './role.ts';

/** The flags of Kubernetes' own components, with their defaults. */
export interface LeaderElectionFlags {
  /** Default true. False: this is the only replica, and leads at once. */
  leaderElect?: boolean;
  /** Durations as Go writes them. Defaults: 15s, 10s, 2s. */
  leaderElectLeaseDuration?: string;
  leaderElectRenewDeadline?: string;
  leaderElectRetryPeriod?: string;
  /** Default: the namespace of the pod this runs in, else `kube-system`. */
  leaderElectResourceNamespace?: string;
  /** Default `fermata-scheduler`, `fermata-controller`. */
  leaderElectResourceName?: string;
}

/** Starts the program if this replica is to lead: at once without election, else whenever it holds the Lease. */
export function startLed(
  role: { name: string; flags: LeaderElectionFlags; podNamespace: string | undefined },
  parts: RoleDependencies,
  program: (store: ObjectStore, term: Term | undefined) => LedProgram,
): Running {
  const { name, flags, podNamespace } = role;
  if (flags.leaderElect === false) {
    const only = program(parts.store, undefined);
    only.start();
    return only;
  }
  const events = new EventRecorder(parts, { component: name });
  const identity = `${hostname()}_${randomUUID()}`;
  const elector = new LeaderElector(
    { ...parts, events },
    {
      namespace: flags.leaderElectResourceNamespace ?? podNamespace ?? 'kube-system',
      name: flags.leaderElectResourceName ?? name,
      identity,
      times: timesOf(flags),
    },
    program,
  );
  elector.start();
  return {
    stop: async () => {
      await elector.stop();
      await events.flush();
    },
  };
}

function timesOf(flags: LeaderElectionFlags): Partial<LeaderElectionTimes> {
  const { leaderElectLeaseDuration, leaderElectRenewDeadline, leaderElectRetryPeriod } = flags;
  return {
    ...(leaderElectLeaseDuration === undefined
      ? {}
      : { leaseDurationMilliseconds: parseDuration(leaderElectLeaseDuration) }),
    ...(leaderElectRenewDeadline === undefined
      ? {}
      : { renewDeadlineMilliseconds: parseDuration(leaderElectRenewDeadline) }),
    ...(leaderElectRetryPeriod === undefined ? {} : { retryPeriodMilliseconds: parseDuration(leaderElectRetryPeriod) }),
  };
}
