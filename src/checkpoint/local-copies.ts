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

export interface CopyVerdict {
  id: string;
  goes: boolean;
  because: string;
}

/**
 * Which of a node's copies go if they are looked at now, the first to go first, and why each of the others stays. Under pressure each
 * that goes frees its size; whoever carries it out measures the disk after each of them instead, and asks the store before.
 */
export function planCopies(
  copies: readonly (LocalCopy & { sizeBytes: number })[],
  why: 'wiped' | { marks: WaterMarks; disk: Disk },
): CopyVerdict[] {
  const going = why === 'wiped' ? wiped(copies) : underPressure(copies, why.marks, why.disk);
  const decided = new Set(going.map(({ id }) => id));
  const staying = copies.filter(({ id }) => !decided.has(id));
  return [...going, ...staying.map((copy) => ({ id: copy.id, goes: false, because: whyStays(copy) }))];
}

function wiped(copies: readonly LocalCopy[]): CopyVerdict[] {
  return expendableCopies(copies, 'wiped').map(({ id }) => ({ id, goes: true, because: WIPED }));
}

function underPressure(
  copies: readonly (LocalCopy & { sizeBytes: number })[],
  { high, low }: WaterMarks,
  disk: Disk,
): CopyVerdict[] {
  const sizes = new Map(copies.map(({ id, sizeBytes }) => [id, sizeBytes]));
  const isPressed = usedShare(disk) > high;
  let { freeBytes } = disk;
  return expendableCopies(copies, 'pressure').map(({ id }) => {
    const used = usedShare({ ...disk, freeBytes });
    if (!isPressed) return { id, goes: false, because: `${diskFull(used)}, the high mark is ${percent(high)}` };
    if (used <= low) return { id, goes: false, because: `${diskFull(used)} by then, the low mark is ${percent(low)}` };
    freeBytes += sizes.get(id) ?? 0;
    return { id, goes: true, because: diskFull(used) };
  });
}

function whyStays({ stored, inUse }: LocalCopy): string {
  if (!stored) return 'no store has it';
  return inUse ? 'a pod is being restored from it' : 'it is pinned';
}

/** Why a copy goes, where no plain data is to lie. */
export const WIPED = 'no plain data stays on the node';

/** Why a copy goes, where the disk has marks. */
export function diskFull(used: number): string {
  return `the disk is ${percent(used)} full`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Throws RangeError when they are not 0 < low < high < 1. */
export function checkWaterMarks({ high, low }: WaterMarks): void {
  if (!(low > 0 && low < high && high < 1)) {
    throw new RangeError(
      `water marks of ${low * 100} % and ${high * 100} %: the low one is between 0 and the high one, that below 100`,
    );
  }
}
