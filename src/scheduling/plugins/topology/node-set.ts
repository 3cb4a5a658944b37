import type { NodeInfo } from '../../snapshot/node-info.ts';

/** The nodes that meet a condition, kept by slot. */
export class NodeSet {
  readonly text: string;
  readonly #condition: (node: NodeInfo) => boolean;
  /** 1 for the slots of nodes in the set. */
  members = new Uint8Array(64);

  constructor(text: string, condition: (node: NodeInfo) => boolean) {
    this.text = text;
    this.#condition = condition;
  }

  /** A node that is not there is in no set. */
  admits(node: NodeInfo): boolean {
    return node.node !== undefined && this.#condition(node);
  }

  has(slot: number): boolean {
    return this.members[slot] === 1;
  }

  set(slot: number, isMember: boolean): void {
    if (slot >= this.members.length) {
      const longer = new Uint8Array(Math.max(slot + 1, this.members.length * 2));
      longer.set(this.members);
      this.members = longer;
    }
    this.members[slot] = isMember ? 1 : 0;
  }
}
