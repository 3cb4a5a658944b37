/** Numbers the engine works with, each with its unit and why it is that number. */

/** First backoff of a pod that could not be placed, doubled at each attempt (kube-scheduler `podInitialBackoffSeconds`). */
export const INITIAL_BACKOFF_MS = 1_000;
/** Longest backoff (kube-scheduler `podMaxBackoffSeconds`). */
export const MAX_BACKOFF_MS = 10_000;
/** A pod left unschedulable this long is tried again though no event spoke for it (kube-scheduler's safety flush). */
export const UNSCHEDULABLE_FLUSH_MS = 300_000;

/** What a container without a request counts as in scores, so that empty requests do not all land on one node (upstream). */
export const DEFAULT_SCORED_CPU_MILLICORES = 100;
export const DEFAULT_SCORED_MEMORY_BYTES = 200 * 1024 * 1024;
export const MAX_NODE_SCORE = 100;

/** Scores and plans kept in an explanation: enough to compare, small enough for an annotation. */
export const EXPLAINED_ENTRIES = 5;

/**
 * Fixed part of a dump and a restore: what Podman takes around CRIU with an empty process (about 1 s to checkpoint, 0.5–1.3 s
 * to restore).
 */
export const DUMP_FIXED_SECONDS = 1;
export const RESTORE_FIXED_SECONDS = 0.8;
const GIB = 1024 ** 3;
/**
 * What a dump's size adds where nobody measured yet: the curve through the ten applications of the SC23 talk, 0.27 s a GiB up
 * to 10 GiB, 1.19 s a GiB beyond, 0.55 s a GiB of GPU memory (`scripts/fit-dump-model.ts` prints the fit). Other machines are
 * slower or faster by a factor, which is learned.
 */
export const DUMP_CURVE = {
  fixedSeconds: 0.215,
  secondsPerByte: 0.2737 / GIB,
  kneeBytes: 10 * GIB,
  secondsPerByteBeyond: 1.194 / GIB,
  secondsPerGpuByte: 0.5467 / GIB,
};
/** `criu restore` of 1 GiB took 0.97–1.08 s on ext4. Of GPU memory nothing was measured: taken like a dump's. */
export const RESTORE_CURVE = {
  fixedSeconds: 0.1,
  secondsPerByte: 1 / GIB,
  kneeBytes: Infinity,
  secondsPerByteBeyond: 1 / GIB,
  secondsPerGpuByte: 0.5467 / GIB,
};
/** What a checkpoint store takes and gives until it was measured, bytes a second: a disk or a network of 2 Gbit/s. */
export const STORE_BYTES_PER_SECOND = 250 * 1024 * 1024;
/** Memory of a pod with neither measured usage nor request nor limit. */
export const UNKNOWN_MEMORY_BYTES = 256 * 1024 * 1024;
/** Smaller dumps say nothing about bandwidth: the fixed part drowns it. */
export const BANDWIDTH_SAMPLE_MIN_BYTES = 64 * 1024 * 1024;
/** Newest samples of a node, store or workload that count: their median follows a changed one within a few dumps. */
export const NODE_SAMPLES = 9;
export const WORKLOAD_SAMPLES = 5;
/** Samples of the whole cluster behind what is expected of a node that was not measured. */
export const CLUSTER_SAMPLES = 31;
/** A single measurement is believed up to this factor from what was expected; more of them speak for themselves. */
export const SINGLE_SAMPLE_TRUST = 32;
/** What the cluster's nodes are expected to do is corrected once it is off by this share: every plan rests on it. */
export const CLUSTER_CORRECTION = 0.1;
/** Workloads whose dumps are remembered; the one measured longest ago goes first. */
export const REMEMBERED_WORKLOADS = 20_000;
/** What a terminated pod loses beyond its progress: scheduling again, starting its containers, initialising. */
export const RESTART_SECONDS = 10;
/** Share of a node that a pod without requests counts as, so that none is free to interrupt. */
export const MINIMUM_SHARE = 0.001;

/** A victim whose dump failed is left alone this long, doubled with each further failure … */
export const DUMP_FAILURE_BACKOFF_MS = 30_000;
/** … up to this. */
export const MAX_DUMP_FAILURE_BACKOFF_MS = 600_000;

/**
 * Protection that grows: after the k-th interruption within 24 hours the next incarnation runs at least
 * `10 s × 2^(k−1)`, at most an hour, before it may be interrupted again. That bounds interruptions to 9 in the first hour
 * and 1 an hour after, whatever preemptors arrive.
 */
export const INTERRUPTION_PROTECTION_MS = 10_000;
export const MAX_INTERRUPTION_PROTECTION_MS = 3_600_000;
/** Window of `maxInterruptionsPerDay` and of the protection. */
export const INTERRUPTION_WINDOW_MS = 86_400_000;

/** A node that writes this many dumps already is given no further plan: each would slow all of them. */
export const MAX_CONCURRENT_DUMPS_PER_NODE = 8;

/** Restores on a node, and fetches from a store, at once at most … */
export const MAX_CONCURRENT_RESTORES_PER_NODE = 8;
export const MAX_CONCURRENT_FETCHES_PER_STORE = 32;
/** … and no more than keep its bandwidth busy for so long: the next may begin when some of them are done. */
export const RESTORE_BUDGET_SECONDS = 60;
/** A restore that takes longer than this counts no more: something is wrong with it, and others must not wait for it. */
export const RESTORE_OVERDUE_MS = 600_000;

/** Time after a deletion's or dump's deadline at which a pod that is still there no longer counts as leaving. */
export const RELEASE_SLACK_MS = 10_000;
/** Seconds a dump may take when its PodCheckpoint does not say (default of the CRD). */
export const DEFAULT_CHECKPOINT_TIMEOUT_SECONDS = 300;
/** An order whose effect the API does not show after this long is taken as lost, and planned anew. */
export const ORDER_TIMEOUT_MS = 60_000;
/** Time given to a pod beyond its expected end before waiting for it is given up. */
export const WAIT_SLACK_MS = 5_000;

/** Exact search for the cheapest victims is tried on this many of the best nodes … */
export const REFINED_NODES = 8;
/** … having at most this many candidates: 2^12 subsets at worst. */
export const REFINED_CANDIDATES = 12;

/** A workload whose restore failed is tried again after this long, doubled with each further failure … */
export const RESTORE_BACKOFF_MS = 10_000;
/** … up to this (as the controller records it for people). */
export const MAX_RESTORE_BACKOFF_MS = 300_000;
