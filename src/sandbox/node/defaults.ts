/** First wait after a crash, a failed image or a failed restore; the kubelet's value (`MaxContainerBackOff` and its start). */
export const BACKOFF_FIRST_MILLISECONDS = 10_000;
/** Longest of these waits; the kubelet's value. */
export const BACKOFF_LIMIT_MILLISECONDS = 300_000;
/** A container that ran this long starts with the first wait again (twice the limit, as in client-go's flowcontrol). */
export const BACKOFF_FORGET_MILLISECONDS = 2 * BACKOFF_LIMIT_MILLISECONDS;
/** How often the node renews its Lease; the kubelet's value. */
export const LEASE_RENEW_MILLISECONDS = 10_000;
/** After this long without renewal a node counts as dead; the kubelet's value. */
export const LEASE_DURATION_SECONDS = 40;
/** How often the node status is written when nothing changed; the kubelet's `nodeStatusReportFrequency`. */
export const STATUS_REPORT_MILLISECONDS = 300_000;
/** How often everything is looked at even though nothing was reported: the runtime's reports may be lost. */
export const RESYNC_MILLISECONDS = 30_000;
/** Grace for a pod that vanished from the API and whose own is not known; Kubernetes' default grace period. */
export const DEFAULT_GRACE_SECONDS = 30;
/** Address of every local node: they share one machine and nothing is reachable from outside it. */
export const HOST_IP = '127.0.0.1';
/** When a restore has taken this long, the pod's owner is told that it is still going on. */
export const RESTORE_SLOW_MILLISECONDS = 60_000;
/**
 * Longest a restore may take; then it counts as failed and is tried elsewhere. CRIU has no limit of its own. So long that
 * hundreds of gigabytes come back from a slow disk.
 */
export const RESTORE_TIMEOUT_MILLISECONDS = 3_600_000;
