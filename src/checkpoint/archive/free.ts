/** Smaller ones may lie in the pool of small Buffers (64 KiB since Node 24) beside others, and are not worth it. */
const LEAST_BYTES = 65 * 1024;
const LARGE_BYTES = 1024 * 1024;

/**
 * Gives the memory of bytes back that nobody looks at any more, without waiting for a collection: the collector does not see how much
 * lies outside of its heap, and lets a hundred MiB of it gather in each thread. Shared memory stays.
 */
export function free(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= LEAST_BYTES) buffer.transfer(0);
}

/**
 * Memory for large bytes of which {@link free} gives every page back to the system: once one of 32 MiB was freed, `malloc` of glibc
 * keeps up to 64 MiB for later. Nothing but this process may be handed it: interfaces of the web refuse buffers of this kind.
 */
export function allocateLarge(length: number): Buffer {
  if (length < LARGE_BYTES) return Buffer.allocUnsafeSlow(length);
  return Buffer.from(new ArrayBuffer(length, { maxByteLength: length }), 0, length);
}
