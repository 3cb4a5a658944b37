import { MAX_NODE_SCORE } from '../constants.ts';

/**
 * Brings scores to 0…100 by the largest (`helper.DefaultNormalizeScore`), whole numbers as upstream. `reverse`: the
 * smallest is best.
 */
export function normalizeByLargest(scores: Float64Array, reverse: boolean): void {
  let largest = 0;
  for (const score of scores) largest = Math.max(largest, score);
  for (let index = 0; index < scores.length; index++) {
    const scaled = largest === 0 ? 0 : Math.trunc((MAX_NODE_SCORE * (scores[index] ?? 0)) / largest);
    scores[index] = reverse ? MAX_NODE_SCORE - scaled : scaled;
  }
}
