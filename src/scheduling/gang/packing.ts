/** What a search for seats needs to know and do. */
export interface Seating<Member, Node> {
  /** Nodes that can take the member as things stand, the tightest fit first. */
  candidates(member: Member): readonly Node[];
  place(member: Member, node: Node): void;
  remove(member: Member): void;
}

/**
 * Seats all members or none, by depth-first search: best fit first, taken back where it leads nowhere. `members` should come
 * largest first. On success all of them are left placed; on failure none is.
 * @param mostSteps placements tried before the search is given up: exact on small clusters, one descent on large ones
 * @returns the node of each member, by index; undefined: there is no seating, or it was not found within the steps allowed
 */
export function seatAll<Member, Node>(
  members: readonly Member[],
  seating: Seating<Member, Node>,
  mostSteps: number,
): Node[] | undefined {
  const seats: Node[] = [];
  let steps = 0;
  const seat = (index: number): boolean => {
    const member = members[index];
    if (member === undefined) return true;
    for (const node of seating.candidates(member)) {
      if (steps++ >= mostSteps) return false;
      seating.place(member, node);
      seats.push(node);
      if (seat(index + 1)) return true;
      seats.pop();
      seating.remove(member);
    }
    return false;
  };
  return seat(0) ? seats : undefined;
}
