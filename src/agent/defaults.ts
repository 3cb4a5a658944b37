/** Seconds a dump may take when the PodCheckpoint does not say (KEP-5823). */
export const DEFAULT_TIMEOUT_SECONDS = 300;
/** Dumps at once on a node: more share one disk and make every freeze window longer. */
export const DEFAULT_CONCURRENCY = 2;
/** PodCheckpoints worked on at once, most of them waiting for something: all members of a group that run here must find a place. */
export const RECONCILE_CONCURRENCY = 256;
/** What a dump needs on the disk beyond the memory of the processes: page maps, file system difference, manifest. */
export const DISK_MARGIN_BYTES = 32 * 1024 * 1024;
/** How soon to look again whether the runtime has let go of a pod whose object is gone; its own reports come sooner. */
export const RELEASE_RETRY_MILLISECONDS = 1_000;
/**
 * How long a pod of which nothing runs any more has to be let go of by whoever made its containers. A kubelet may take until its next
 * look at that pod, up to a minute, and somebody waits for the room.
 */
export const LET_GO_MILLISECONDS = 500;
/** How soon to look again whether data whose deletion was asked for is still needed. */
export const NEED_RETRY_MILLISECONDS = 5_000;
/** A PodCheckpoint that no agent has taken up after this long may be one of a pod that is gone. */
export const UNCLAIMED_MILLISECONDS = 2_000;
/** The data of a checkpoint whose node is gone from the API may be let go by any agent, so long after its deletion was asked for. */
export const ORPHANED_MILLISECONDS = 600_000;
/** How often everything is looked at although nothing was reported. */
export const RESYNC_MILLISECONDS = 30_000;
/** How often the processes of a node's pods are looked at for what cannot be dumped: some 30 ms for 1,500 open files. */
export const PROBE_MILLISECONDS = 10_000;
/** Whoever waits for the room of the dumped pod needs the disk more than the flush does, which holds up every write beside it. */
export const FLUSH_DELAY_MILLISECONDS = 1_000;
/** How soon to look again what CRIU has written meanwhile. */
export const FOLLOW_MILLISECONDS = 10;
/** How soon the server is asked what was decided for a group when the watch says nothing; the processes stand still until then. */
export const GROUP_POLL_MILLISECONDS = 1_000;
/** How much longer than a member's dump may take its group's decision is waited for before the agent itself aborts the group. */
export const GROUP_GRACE_MILLISECONDS = 10_000;
/** How soon to listen again to a runtime whose reports broke off. */
export const CHANGES_RETRY_MILLISECONDS = 1_000;
/** How soon a pod that is back and stands still asks for its group when the watch says nothing. */
export const RESTORE_POLL_MILLISECONDS = 5_000;
/** Longest a pod that is back stands still for the rest of its group: it holds room that others could use. */
export const RESTORE_HOLD_MILLISECONDS = 120_000;
/** How soon a checkpoint that could not be stored is tried again, at the next look at everything. */
export const UPLOAD_RETRY_MILLISECONDS = 20_000;
/** How often the status says how far an upload is. */
export const PROGRESS_MILLISECONDS = 5_000;
/** How often copies that need not lie on the node are looked for. */
export const LOCAL_COPIES_MILLISECONDS = 3_000;
/** How soon a copy is looked at again whose archive was not whole, and a full disk told of again. */
export const LOCAL_COPY_RETRY_MILLISECONDS = 600_000;
/** No restore takes longer: whoever began one and never said how it ended is not waited for. */
export const RESTORE_LIMIT_MILLISECONDS = 3_600_000;
/** Archives looked at for what need not be sent again; usually the first is it. */
export const BASE_CANDIDATES = 4;
