/** One measured dump; GiB and seconds. */
export interface MeasuredApplication {
  readonly name: string;
  readonly memoryGiB: number;
  readonly gpuGiB: number;
  /** The time its processes stood still: CRIU's frozen_time. */
  readonly frozenSeconds: number;
}

/** Ten GPU applications (AMD) dumped by CRIU, as shown in the SC23 talk on checkpointing in Kubernetes. */
export const TEN_APPLICATIONS: readonly MeasuredApplication[] = [
  { name: 'Binomial Option Pricing', memoryGiB: 0.79, gpuGiB: 0.14, frozenSeconds: 0.66 },
  { name: 'Bitonic Sort', memoryGiB: 28.29, gpuGiB: 0.14, frozenSeconds: 24.9 },
  { name: 'Discrete Cosine Transform', memoryGiB: 1.09, gpuGiB: 0.14, frozenSeconds: 0.51 },
  { name: 'Haar Wavelet Decomposition', memoryGiB: 0.23, gpuGiB: 0.14, frozenSeconds: 0.35 },
  { name: 'Fast Walsh Transform', memoryGiB: 0.25, gpuGiB: 0.14, frozenSeconds: 0.33 },
  { name: 'Floyd Warshall', memoryGiB: 5.29, gpuGiB: 0.14, frozenSeconds: 1.8 },
  { name: 'Histogram', memoryGiB: 14.5, gpuGiB: 0.14, frozenSeconds: 8.3 },
  { name: 'Matrix Multiplication', memoryGiB: 28.5, gpuGiB: 0.14, frozenSeconds: 25.3 },
  { name: 'Recursive Gaussian', memoryGiB: 0.19, gpuGiB: 0.14, frozenSeconds: 0.38 },
  { name: 'Simple Convolution', memoryGiB: 8.5, gpuGiB: 7.79, frozenSeconds: 6.8 },
];
