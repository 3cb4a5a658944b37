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
 * Dump and restore of a pod nobody measured yet: fixed part + memory ÷ bandwidth. Fixed: Podman around CRIU with an empty
 * process takes about 1 s to checkpoint and 0.5–1.3 s to restore. Bandwidth: plain `criu dump` of 1 GiB took 1.19–1.46 s on
 * ext4, `criu restore` 0.97–1.08 s.
 */
export const DUMP_FIXED_SECONDS = 1;
export const RESTORE_FIXED_SECONDS = 0.8;
export const DUMP_BYTES_PER_SECOND = 750 * 1024 * 1024;
export const RESTORE_BYTES_PER_SECOND = 1024 * 1024 * 1024;
/** Memory of a pod with neither measured usage nor request nor limit. */
export const UNKNOWN_MEMORY_BYTES = 256 * 1024 * 1024;
/** Smaller dumps say nothing about bandwidth: the fixed part drowns it. */
export const BANDWIDTH_SAMPLE_MIN_BYTES = 64 * 1024 * 1024;
/** Weight of the newest sample in measured averages: follows a changed node within a few dumps. */
export const HISTORY_WEIGHT = 0.3;
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

/** Namespace and name of the InterruptionPolicy that holds where no other matches. */
export const DEFAULT_POLICY_NAMESPACE = 'fermata-system';
export const DEFAULT_POLICY_NAME = 'default';
