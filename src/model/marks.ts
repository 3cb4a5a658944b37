/** Marks that Fermata sets on, or reads from, standard objects. */
export const GROUP = 'fermata.dev';
export const VERSION = 'v1alpha1';

/** On a PriorityClass: `CheckpointLowerPriority` lets its pods interrupt lower ones by checkpoint. */
export const PREEMPTION_POLICY_ANNOTATION = 'fermata.dev/preemption-policy';
/** On a pod: name of the PodCheckpoint (same namespace) this incarnation starts from. */
export const RESTORE_FROM_ANNOTATION = 'fermata.dev/restore-from';
/** On a checkpoint that no rule of retention removes: since when, RFC 3339. */
export const PINNED_ANNOTATION = 'fermata.dev/pinned';
/** On a pod: the identity that outlives its incarnations; absent means the pod's own name. */
export const WORKLOAD_ANNOTATION = 'fermata.dev/workload';
/** On a pod: 1 for the first incarnation, one more at each restore. */
export const INCARNATION_ANNOTATION = 'fermata.dev/incarnation';
/** On a pod: expected run time as a Kubernetes duration (`90m`), counted over all incarnations. */
export const WALLTIME_ANNOTATION = 'fermata.dev/walltime';
/**
 * On a pod without requests: room it may use of what others hold and do not use (`cpu=2,memory=4Gi`). It gives way, by
 * checkpoint, whenever they use it after all.
 */
export const OPPORTUNISTIC_ANNOTATION = 'fermata.dev/opportunistic';
/**
 * On a pod that was backfilled though it may run longer than the room is free: RFC 3339 time by which it is to be
 * checkpointed to make way for the pod that it went ahead of.
 */
export const VACATE_BY_ANNOTATION = 'fermata.dev/vacate-by';
/** On a restored pod: RFC 3339 time at which the workload first entered the queue; it keeps its place by it. */
export const FIRST_ENQUEUED_ANNOTATION = 'fermata.dev/first-enqueued';
/** On a restored pod: seconds its earlier incarnations ran. */
export const RAN_SECONDS_ANNOTATION = 'fermata.dev/ran-seconds';
/** On a restored pod: how many restores of this checkpoint failed in a row. */
export const RESTORE_FAILURES_ANNOTATION = 'fermata.dev/restore-failures';
/** On a restored pod: RFC 3339 time before which no further restore is tried. */
export const NOT_BEFORE_ANNOTATION = 'fermata.dev/not-before';
/** On a restored pod: comma-separated nodes on which the restore failed; tried again only when no other node is left. */
export const AVOID_NODES_ANNOTATION = 'fermata.dev/avoid-nodes';
/** On a pod or PodCheckpoint: the scheduler's latest decision about it with its numbers, as JSON (`fermata explain`). */
export const DECISION_ANNOTATION = 'fermata.dev/decision';
/** `true` on a PodCheckpoint that stops its pod: whose dump has to wait for its turn stands still until then. */
export const FREEZE_AT_ONCE_ANNOTATION = 'fermata.dev/freeze-at-once';
/** Scheduling gate that holds a pod suspended until somebody resumes it. */
export const SUSPENDED_GATE = 'fermata.dev/suspended';
/**
 * On a pod, instead of the gate where the server knows no gates (before Kubernetes 1.27) and drops the field: why Fermata's
 * scheduler holds it.
 */
export const HELD_ANNOTATION = 'fermata.dev/held';
/** Label on the PodCheckpoint of a pod whose controller makes the replacement: UID of that controller. */
export const CONTROLLER_UID_LABEL = 'fermata.dev/controller-uid';
/** On a PodCheckpoint: UID of the admission request whose pod is to be the next incarnation, and when it was let in. */
export const CLAIMED_BY_ANNOTATION = 'fermata.dev/claimed-by';
export const CLAIMED_AT_ANNOTATION = 'fermata.dev/claimed-at';
/** On a pod that replaces a suspended one and was not made to go on from its checkpoint: why not. */
export const NOT_RESTORED_ANNOTATION = 'fermata.dev/not-restored';
/**
 * Label on a namespace while a suspended workload in it waits for its controller's replacement: there pods of controllers are
 * admitted only with the webhook's word.
 */
export const AWAITS_REPLACEMENT_LABEL = 'fermata.dev/awaits-replacement';
/** Finalizer that keeps a PodCheckpoint until its data may go and is gone. */
export const CHECKPOINT_FINALIZER = 'fermata.dev/checkpoint-data';
/** Finalizer that keeps a PodGroupCheckpoint, and with it the decision, until every member has acted on it. */
export const GROUP_FINALIZER = 'fermata.dev/group-decision';
/** Label on PodCheckpoints and restored pods: the workload they belong to (value cut to 63 characters). */
export const WORKLOAD_LABEL = 'fermata.dev/workload';
/** Condition of a restored pod: True once the runtime runs it again, False with the reason when the restore failed. */
export const RESTORED_CONDITION = 'fermata.dev/Restored';
/**
 * Reason of a PodCheckpoint's `Released` while it is False: nothing of the source pod runs on its node any more, sandbox included, yet
 * whoever made its containers still keeps its object.
 */
export const NOTHING_RUNS = 'NothingRuns';
/**
 * Condition of a running pod: False, with what was found, while its node's agent sees something in its processes that CRIU cannot
 * dump. Absent: nothing was found. It is never a victim to be checkpointed then.
 */
export const CHECKPOINTABLE_CONDITION = 'fermata.dev/Checkpointable';
/** The literal preemption policy, as an annotation value and (in the sandbox) as `preemptionPolicy`. */
export const CHECKPOINT_LOWER_PRIORITY = 'CheckpointLowerPriority';
/** Why a PodCheckpoint's spec cannot be changed. */
export const SPEC_IMMUTABLE = 'spec is immutable: make another PodCheckpoint instead';
