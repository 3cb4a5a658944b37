import type { NodeInfo } from './node-info.ts';

/** Rooms that are told apart: when there are this many, all are forgotten, and numbered anew. */
const MOST_ROOMS = 20_000;

/**
 * Numbers what there is of a node for its pods: nodes with as much of everything, as much of it requested, and the same taints and
 * readiness have one number. Of 10,000 nodes bought together most are alike.
 */
export class Rooms {
  readonly #numbers = new Map<string, number>();
  readonly #kinds = new Map<string, number>();
  #next = 0;

  /** A number never given twice, so that forgetting costs work, never a wrong answer. */
  of(node: NodeInfo): number {
    if (node.room.generation === node.generation) return node.room.number;
    if (node.room.kind === undefined) node.room.kind = this.#numberOf(this.#kinds, node.kind);
    const { requested, scoredCpu, scoredMemory } = node;
    let text = `${node.room.kind} ${scoredCpu} ${scoredMemory}`;
    for (let index = 0; index < requested.length; index++) text += ` ${requested[index]}`;
    node.room.number = this.#numberOf(this.#numbers, text);
    node.room.generation = node.generation;
    return node.room.number;
  }

  #numberOf(numbers: Map<string, number>, text: string): number {
    let number = numbers.get(text);
    if (number === undefined) {
      if (numbers.size >= MOST_ROOMS) numbers.clear();
      number = this.#next++;
      numbers.set(text, number);
    }
    return number;
  }
}
