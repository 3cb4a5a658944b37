/** How long a barrier waits: upstream's `--wait-timeout`. */
export const DEFAULT_WAIT_MILLISECONDS = 30_000;
/** Upstream's port. */
export const DEFAULT_PORT = 8080;
export const DEFAULT_ADDRESS = '127.0.0.1';
/** A hook that lost its connection tries again every 100 ms. */
export const DEFAULT_RECONNECT_MILLISECONDS = 1_000;
/** Upstream's read buffer: a longer request was never possible. Control messages of large groups are longer. */
export const MAX_REQUEST_BYTES = 1024 * 1024;
/** How long a connection may take to bring its first request: it comes in one segment usually. */
export const REQUEST_MILLISECONDS = 10_000;
/** How long a client may take to read its reply of a few bytes. */
export const REPLY_MILLISECONDS = 5_000;
/** Connections at once; one more is closed unread. */
export const MAX_CONNECTIONS = 20_000;
/**
 * A member that waits or streams may say nothing for as long as the others' dumps take, and a machine without power says nothing ever
 * again: after so much silence the kernel asks, ten times, a second apart (Node's own setting of TCP_KEEPCNT and TCP_KEEPINTVL).
 */
export const KEEP_ALIVE_MILLISECONDS = 5_000;
