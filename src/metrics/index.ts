export { type Counter, exponentialBuckets, type Gauge, type Histogram, type Labels, Metrics } from './metrics.ts';
