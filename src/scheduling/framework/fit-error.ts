import type { Rejection } from './phases.ts';

/** How many nodes gave each reason. A node with two reasons counts for both, as upstream. */
export function countReasons(rejections: readonly (Rejection | undefined)[]): Map<string, number> {
  return reasonsOf(countRejections(rejections));
}

/** How many nodes each rejection holds for, in the order in which they first occur. */
export function countRejections(rejections: readonly (Rejection | undefined)[]): Map<Rejection, number> {
  const byRejection = new Map<Rejection, number>();
  let last: Rejection | undefined;
  let run = 0;
  const count = (): void => {
    if (last !== undefined) byRejection.set(last, (byRejection.get(last) ?? 0) + run);
  };
  // Neighbours mostly share one object: thousands of nodes are a handful of runs.
  for (const rejection of rejections) {
    if (rejection === last) {
      run += 1;
      continue;
    }
    count();
    last = rejection;
    run = 1;
  }
  count();
  return byRejection;
}

/** As {@link countReasons}, of what was counted. */
export function reasonsOf(counted: ReadonlyMap<Rejection, number>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [rejection, count] of counted) {
    for (const reason of rejection.reasons) counts.set(reason, (counts.get(reason) ?? 0) + count);
  }
  return counts;
}

/**
 * `0/3 nodes are available: 1 Too many pods, 2 Insufficient cpu.` — kube-scheduler's sentence (`FitError`). What PreFilter
 * said of all nodes at once stands without a number.
 */
export function unavailable(nodes: number, reasons: ReadonlyMap<string, number>, ofAll?: Rejection): string {
  if (nodes === 0) return 'no nodes available to schedule pods';
  if (ofAll !== undefined) return `0/${nodes} nodes are available: ${ofAll.reasons.join(', ')}.`;
  const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodes} nodes are available:${parts.length === 0 ? '' : ` ${parts.join(', ')}.`}`;
}
