/** A checkpoint's data on a node, as far as it matters whether it may go from there. */
export interface LocalCopy {
  id: string;
  /** When its dump began, in ms since the epoch. */
  takenAt: number;
  /** A verified copy is in a store. */
  stored: boolean;
  /** A pod of the node is being restored from it. */
  inUse: boolean;
  pinned: boolean;
}

/** Shares of the disk in use, 0 to 1: above `high` copies go until no more than `low` is. */
export interface WaterMarks {
  high: number;
  low: number;
}

export interface Disk {
  freeBytes: number;
  totalBytes: number;
}

/** The share of the disk that is in use. */
export function usedShare({ freeBytes, totalBytes }: Disk): number {
  return totalBytes === 0 ? 0 : 1 - freeBytes / totalBytes;
}

/**
 * The copies that may go from a node, the first to go first: `wiped`: all that a store has; else the oldest first, of pinned ones none.
 * What no store has stays always, and so does what is in use.
 */
export function expendableCopies(copies: readonly LocalCopy[], why: 'wiped' | 'pressure'): LocalCopy[] {
  return copies
    .filter(({ stored, inUse, pinned }) => stored && !inUse && (why === 'wiped' || !pinned))
    .sort((one, other) => one.takenAt - other.takenAt || (one.id < other.id ? -1 : 1));
}

/** Throws RangeError when they are not 0 < low < high < 1. */
export function checkWaterMarks({ high, low }: WaterMarks): void {
  if (!(low > 0 && low < high && high < 1)) {
    throw new RangeError(
      `water marks of ${low * 100} % and ${high * 100} %: the low one is between 0 and the high one, that below 100`,
    );
  }
}
