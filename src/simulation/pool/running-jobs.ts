/** Pieces longer than this are cut in two. */
const MOST_IN_PIECE = 512;

/** Jobs in an order that is strict. Kept in pieces: in one array of a hundred thousand every change would move half of them. */
export class RunningJobs implements Iterable<number> {
  readonly #precedes: (one: number, other: number) => boolean;
  /** None is empty. */
  readonly #pieces: number[][] = [];

  constructor(precedes: (one: number, other: number) => boolean) {
    this.#precedes = precedes;
  }

  add(job: number): void {
    const number = Math.min(this.#pieceOf(job), this.#pieces.length - 1);
    const piece = this.#pieces[number];
    if (piece === undefined) {
      this.#pieces.push([job]);
      return;
    }
    piece.splice(this.#placeIn(piece, job), 0, job);
    if (piece.length > MOST_IN_PIECE) this.#pieces.splice(number + 1, 0, piece.splice(MOST_IN_PIECE / 2));
  }

  delete(job: number): void {
    const number = this.#pieceOf(job);
    const piece = this.#pieces[number];
    if (piece === undefined) return;
    const place = this.#placeIn(piece, job);
    if (piece[place] === job) piece.splice(place, 1);
    if (piece.length === 0) this.#pieces.splice(number, 1);
  }

  *[Symbol.iterator](): Iterator<number> {
    for (const piece of this.#pieces) yield* piece;
  }

  /** The first piece that does not end before the job. */
  #pieceOf(job: number): number {
    return firstIndex(this.#pieces.length, (index) => {
      const last = this.#pieces[index]?.at(-1);
      return last !== undefined && this.#precedes(last, job);
    });
  }

  #placeIn(piece: readonly number[], job: number): number {
    return firstIndex(piece.length, (index) => {
      const other = piece[index];
      return other !== undefined && this.#precedes(other, job);
    });
  }
}

/** The first index for which `isBefore` does not hold; it holds for all below. */
function firstIndex(length: number, isBefore: (index: number) => boolean): number {
  let [from, to] = [0, length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (isBefore(middle)) from = middle + 1;
    else to = middle;
  }
  return from;
}
