/** Dumps remembered per node. */
const REMEMBERED = 16;

/** ms since the epoch. */
export interface DumpInterval {
  readonly begin: number;
  readonly end: number;
}

/** When dumps ran on each node, to tell how many shared its bandwidth. */
export class DumpOverlaps {
  readonly #byNode = new Map<string, DumpInterval[]>();

  /**
   * Takes note of a dump that ended. Returns how many ran at once on average over its time, itself included: those that ended
   * before it are known, those still running are not, so that the first of several to end looks as if it had run alone.
   */
  add(nodeName: string, interval: DumpInterval): number {
    const known = this.#byNode.get(nodeName) ?? [];
    const length = interval.end - interval.begin;
    let shared = 0;
    for (const other of known) {
      shared += Math.max(0, Math.min(other.end, interval.end) - Math.max(other.begin, interval.begin));
    }
    this.#byNode.set(nodeName, [...known, interval].slice(-REMEMBERED));
    return length <= 0 ? 1 : 1 + shared / length;
  }
}
