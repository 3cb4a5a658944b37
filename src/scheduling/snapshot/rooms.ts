import type { NodeInfo } from './node-info.ts';

/** Rooms that are told apart: when there are this many, all are forgotten, and numbered anew. */
const MOST_ROOMS = 20_000;

interface Room {
  readonly number: number;
  readonly kind: number;
  readonly scoredCpu: number;
  readonly scoredMemory: number;
  readonly requested: Float64Array;
}

/**
 * Numbers what there is of a node for its pods: nodes with as much of everything, as much of it requested, and the same taints and
 * readiness have one number. Of 10,000 nodes bought together most are alike.
 */
export class Rooms {
  /** By a hash of the room; of two with one hash the later is known. */
  readonly #rooms = new Map<number, Room>();
  readonly #kinds = new Map<string, number>();
  #nextKind = 0;
  #next = 0;

  /** A number never given twice, so that forgetting costs work, never a wrong answer. */
  of(node: NodeInfo): number {
    const { room } = node;
    if (room.generation === node.generation) return room.number;
    room.kind ??= this.#kindOf(node.kind);
    room.number = this.#numberOf(node, room.kind);
    room.generation = node.generation;
    return room.number;
  }

  #numberOf({ requested, scoredCpu, scoredMemory }: NodeInfo, kind: number): number {
    let hash = mixed(mixed(kind, scoredCpu), scoredMemory);
    for (let index = 0; index < requested.length; index++) hash = mixed(hash, requested[index] ?? 0);
    const known = this.#rooms.get(hash);
    const isKnown =
      known?.kind === kind &&
      known.scoredCpu === scoredCpu &&
      known.scoredMemory === scoredMemory &&
      isSame(known.requested, requested);
    if (isKnown) return known.number;
    if (this.#rooms.size >= MOST_ROOMS) this.#rooms.clear();
    const number = this.#next++;
    this.#rooms.set(hash, { number, kind, scoredCpu, scoredMemory, requested: requested.slice() });
    return number;
  }

  #kindOf(text: string): number {
    let kind = this.#kinds.get(text);
    if (kind === undefined) {
      if (this.#kinds.size >= MOST_ROOMS) this.#kinds.clear();
      kind = this.#nextKind++;
      this.#kinds.set(text, kind);
    }
    return kind;
  }
}

/** FNV-1a over both halves of the amount. */
function mixed(hash: number, amount: number): number {
  return Math.imul(Math.imul(hash ^ (amount | 0), 0x01000193) ^ ((amount / 0x100000000) | 0), 0x01000193);
}

function isSame(one: Float64Array, other: Float64Array): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}
