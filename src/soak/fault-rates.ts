import { Chance } from './chance.ts';

/**
 * How likely each fault is at each opportunity, 0 to 1, or how often a day. Absent: never.
 */
export interface FaultRates {
  /** At each request to the API server. */
  request: Partial<Record<RequestFault, number>>;
  /** At each event of a watch, and each time one begins. */
  watch: Partial<Record<WatchFault, number>>;
  /** Before and after each call that a component makes (of the API, its runtime, its disk, its journal). */
  call: Partial<Record<CallFault, number>>;
  dump: Partial<Record<DumpFaultName, number>>;
  restore: Partial<Record<RestoreFaultName, number>>;
  /** At each creation or start of a container. */
  start: Partial<Record<StartFault, number>>;
  /** At each file that is written below a node's checkpoints. */
  disk: Partial<Record<DiskFault, number>>;
  /** At each request to the store of archives. Absent: there is no store, and checkpoints stay on their nodes. */
  store?: Partial<Record<StoreFault, number>>;
  /** A day. */
  component: Partial<Record<ComponentFault, number>>;
  /** A day and a node. */
  node: Partial<Record<NodeFault, number>>;
}

/**
 * `slow`: the request or its answer takes long. `tooManyRequests`, `serverError`, `unreachable`: nothing was done.
 * `conflict`: refused as if somebody else had written meanwhile. `lostAnswer`: done, but no answer came. `late`: no answer
 * came, and it is done some time later. `twice`: done, answered, and done once more later (a proxy that retries).
 */
export type RequestFault =
  | 'slow'
  | 'tooManyRequests'
  | 'serverError'
  | 'unreachable'
  | 'conflict'
  | 'lostAnswer'
  | 'late'
  | 'twice';
/** `replay`: earlier events come once more. `expired`: history was compacted, list again. */
export type WatchFault = 'drop' | 'end' | 'stall' | 'replay' | 'expired' | 'garbage';
/** The process is killed right before the call has any effect, or right after it had. */
export type CallFault = 'kill';
export type DumpFaultName = 'fail' | 'kill' | 'hang' | 'slow' | 'halfWritten' | 'noImage' | 'runOn';
export type RestoreFaultName = 'fail' | 'hang' | 'slow' | 'die';
export type StartFault = 'fail' | 'slow';
/** `full`: no room left for it. `rot`: some time later a bit of it has flipped. */
export type DiskFault = 'full' | 'rot';
/** `unreachable`: nothing was done. `cutOff`: half of it was. `rot`, `loss`: some time later a bit of the archive has flipped, or it is gone. */
export type StoreFault = 'slow' | 'unreachable' | 'cutOff' | 'rot' | 'loss';
/**
 * `kill`: at any time; comes back. `apiRestart`: the API server is away for a while. `twin`: a second controller believes
 * for a while that it is the leader. `twoLeaders`: for a while scheduler, controllers, or both have two replicas with a
 * Lease, and whoever leads is stopped, cut off, or has what it sends held back, until the other one leads. `skew`: its clock
 * jumps.
 */
export type ComponentFault = 'kill' | 'apiRestart' | 'twin' | 'twoLeaders' | 'skew';
/**
 * `silent`: node and agent are frozen, or cut off, while the pods run on. `powerFail`: the machine loses power. `lost`: it is
 * gone for good with its disk, and another one takes its place.
 */
export type NodeFault = 'silent' | 'powerFail' | 'lost' | 'kill';

const NOTHING: FaultRates = {
  request: {},
  watch: {},
  call: {},
  dump: {},
  restore: {},
  start: {},
  disk: {},
  component: {},
  node: {},
};

const API: Pick<FaultRates, 'request' | 'watch'> = {
  request: {
    slow: 0.1,
    tooManyRequests: 0.01,
    serverError: 0.005,
    unreachable: 0.005,
    conflict: 0.01,
    lostAnswer: 0.01,
    late: 0.003,
    twice: 0.005,
  },
  watch: { drop: 0.005, end: 0.005, stall: 0.005, replay: 0.003, expired: 0.002, garbage: 0.001 },
};

const RUNTIME: Pick<FaultRates, 'dump' | 'restore' | 'start' | 'disk'> = {
  dump: { fail: 0.08, kill: 0.01, hang: 0.02, slow: 0.05, halfWritten: 0.02, noImage: 0.02, runOn: 0.02 },
  restore: { fail: 0.08, hang: 0.01, slow: 0.05, die: 0.02 },
  start: { fail: 0.01, slow: 0.03 },
  disk: { full: 0.002, rot: 0.001 },
};

const CRASHES: Pick<FaultRates, 'call' | 'component'> = {
  call: { kill: 0.001 },
  component: { kill: 4, apiRestart: 4, twin: 1 },
};

const NODES: Pick<FaultRates, 'node'> = { node: { silent: 0.2, powerFail: 0.1, lost: 0.02, kill: 1 } };

const LEADERS: Pick<FaultRates, 'request' | 'component'> = {
  request: { slow: 0.1, late: 0.01, lostAnswer: 0.01, twice: 0.01 },
  component: { twoLeaders: 24 },
};

const STORE: NonNullable<FaultRates['store']> = { slow: 0.3, unreachable: 0.1, cutOff: 0.05, rot: 0.02, loss: 0.01 };

const ALL: FaultRates = {
  ...NOTHING,
  ...API,
  ...RUNTIME,
  ...CRASHES,
  ...NODES,
  component: { ...CRASHES.component, skew: 2, twoLeaders: 0.5 },
};

/** Every rate times its factor. Rates of opportunities stay small enough that there are others left. */
function scaled(rates: FaultRates, factor: (kind: keyof FaultRates) => number): FaultRates {
  const result: Record<string, Record<string, number>> = {};
  for (const kind of Object.keys(rates) as (keyof FaultRates)[]) {
    const perDay = kind === 'component' || kind === 'node';
    const own: Record<string, number> = {};
    for (const [fault, rate] of Object.entries(rates[kind] as Record<string, number>)) {
      const times = rate * factor(kind);
      own[fault] = perDay ? times : Math.min(0.2, times);
    }
    result[kind] = own;
  }
  return result as unknown as FaultRates;
}

/** Share of the clusters that have a store. */
const STORES = 0.25;

const PROFILES = {
  none: () => NOTHING,
  api: () => ({ ...NOTHING, ...API }),
  crashes: () => ({ ...NOTHING, ...CRASHES }),
  runtime: () => ({ ...NOTHING, ...RUNTIME }),
  leaders: () => ({ ...NOTHING, ...LEADERS }),
  nodes: () => ({ ...NOTHING, ...NODES }),
  all: () => ALL,
  storm: () => scaled(ALL, () => 5),
  // Nodes are lost, and what was stored comes back elsewhere.
  store: () => ({
    ...ALL,
    node: { ...NODES.node, lost: 0.3 },
    store: STORE,
  }),
  // Some faults hide others: each seed has its own mixture, some of none and some of far too many (A. Groce et al.,
  // "Swarm Testing", ISSTA 2012).
  swarm: (seed: number) => {
    const chance = new Chance(seed).fork('swarm');
    const rates = scaled(ALL, () => chance.pick([0, 0.2, 1, 1, 3, 10]));
    return chance.happens(STORES) ? { ...rates, store: STORE } : rates;
  },
} satisfies Record<string, (seed: number) => FaultRates>;

export type FaultProfile = keyof typeof PROFILES;

/** By name, for `--faults`. */
export const FAULT_PROFILES = Object.keys(PROFILES) as FaultProfile[];

export function faultRates(profile: FaultProfile, seed: number): FaultRates {
  return PROFILES[profile](seed);
}
