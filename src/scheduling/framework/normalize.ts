import { MAX_NODE_SCORE } from '../constants.ts';

/**
 * Brings a score to 0…100 by the largest there is (`helper.DefaultNormalizeScore`), whole numbers as upstream. `reverse`:
 * the smallest is best.
 */
export function scaledByLargest(raw: number, largest: number, reverse: boolean): number {
  const scaled = largest <= 0 ? 0 : Math.trunc((MAX_NODE_SCORE * raw) / largest);
  return reverse ? MAX_NODE_SCORE - scaled : scaled;
}
