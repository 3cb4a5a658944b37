export type { Clock, Random, Timer } from './clock.ts';
export { rfc3339, rfc3339Micro } from './clock.ts';
export { seededRandom } from './random.ts';
export { SystemClock } from './system-clock.ts';
export { VirtualClock } from './virtual-clock.ts';
