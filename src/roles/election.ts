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
import type { Vitals } from './vitals.ts';

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

/**
 * Starts the program if this replica is to lead: at once without election, else whenever it holds the Lease. It is ready while it
 * waits for another one that leads, and, leading, when `isReady` says so.
 */
export function startLed(
  role: {
    name: string;
    flags: LeaderElectionFlags;
    podNamespace: string | undefined;
    vitals: Vitals;
    isReady?: () => boolean;
  },
  parts: RoleDependencies,
  program: (store: ObjectStore, term: Term | undefined) => LedProgram,
): Running {
  const { name, flags, podNamespace, vitals, isReady = () => true } = role;
  const leads = vitals.metrics.gauge('leader_election_master_status', 'Whether this replica leads.', ['name']);
  const requires = (isLeader: () => boolean, holder: () => string): void => {
    vitals.metrics.onCollect(() => leads.set(isLeader() ? 1 : 0, { name }));
    vitals.requires('leadership', () => (isLeader() || holder() !== '' ? undefined : 'it is not known yet who leads'));
    vitals.requires('cluster', () => (!isLeader() || isReady() ? undefined : 'the cluster has not been read yet'));
  };
  if (flags.leaderElect === false) {
    const only = program(parts.store, undefined);
    requires(
      () => true,
      () => '',
    );
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
  requires(
    () => elector.isLeader,
    () => elector.holder,
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
