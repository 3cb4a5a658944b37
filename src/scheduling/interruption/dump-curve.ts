/** What a dump has to write, bytes. */
export interface DumpSize {
  /** Resident memory. */
  readonly memoryBytes: number;
  /** Memory of GPUs. */
  readonly gpuMemoryBytes: number;
}

/**
 * Seconds of a dump by its size. Writing goes at the speed of memory until the kernel's limit of dirty pages is reached, and
 * at that of the disk from there on: two slopes with a knee between them. GPU memory comes over the bus first and has a slope
 * of its own.
 */
export interface DumpCurve {
  /** What CRIU takes for a dump of nothing. */
  readonly fixedSeconds: number;
  /** Up to the knee. */
  readonly secondsPerByte: number;
  /** Bytes of host memory from which the disk sets the pace. */
  readonly kneeBytes: number;
  /** Beyond the knee. */
  readonly secondsPerByteBeyond: number;
  readonly secondsPerGpuByte: number;
}

/** Seconds that grow with the size: what several dumps at once stretch, for they share a node's bandwidth. */
export function transferSeconds(curve: DumpCurve, { memoryBytes, gpuMemoryBytes }: DumpSize): number {
  const quick = Math.min(memoryBytes, curve.kneeBytes) * curve.secondsPerByte;
  const slow = Math.max(0, memoryBytes - curve.kneeBytes) * curve.secondsPerByteBeyond;
  return quick + slow + gpuMemoryBytes * curve.secondsPerGpuByte;
}
