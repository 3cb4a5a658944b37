import { MAX_NODE_SCORE } from '../constants.ts';

/**
 * Brings a score to 0…100 by the largest there is (`helper.DefaultNormalizeScore`), whole numbers as upstream. `reverse`:
 * the smallest is best.
 */
export function scaledByLargest(raw: number, largest: number, reverse: boolean): number {
  const scaled = largest <= 0 ? 0 : Math.trunc((MAX_NODE_SCORE * raw) / largest);
  return reverse ? MAX_NODE_SCORE - scaled : scaled;
}

/** {@link scaledByLargest} of all scores at once. */
export function normalizeByLargest(scores: Float64Array, reverse: boolean): void {
  let largest = 0;
  for (const score of scores) largest = Math.max(largest, score);
  for (let index = 0; index < scores.length; index++) {
    scores[index] = scaledByLargest(scores[index] ?? 0, largest, reverse);
  }
}
