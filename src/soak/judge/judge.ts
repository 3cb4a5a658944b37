import type { HistoryEntry, HistoryJudge, Violation } from '../history.ts';
import { Bookkeeper } from './bookkeeper.ts';
import { judgeDeletions } from './deletions.ts';
import { judgeDumps } from './dumps.ts';
import { Facts } from './facts.ts';
import { gangRule } from './gangs.ts';
import { groupRule } from './groups.ts';
import { hasteRule } from './haste.ts';
import { judgeLiveness } from './liveness.ts';
import { progressRule } from './progress.ts';
import { judgeRoom } from './room.ts';
import type { Rule } from './rule.ts';
import { judgeStore } from './stores.ts';
import { successionRule } from './succession.ts';

/** A world that breaks one promise breaks it again and again; the first ones tell why. */
const MOST_VIOLATIONS = 100;

/**
 * Judges a history by the invariants of design.md, section 9, as it is told, after every entry. It shares no code with what
 * it judges but the types of the API's objects, their condition lookups and label selectors, and looks at nothing but
 * the history: the API's committed writes, and what truly happened to processes on the machines.
 *
 * Of 3, checkpoints that leave their pod running count for nothing, because
 * nothing restores from them yet.
 */
export class Judge implements HistoryJudge {
  readonly #facts = new Facts();
  readonly #bookkeeper = new Bookkeeper(this.#facts);
  readonly #rules: readonly Rule[] = [
    judgeRoom,
    progressRule(),
    judgeDumps,
    judgeDeletions,
    groupRule(),
    gangRule(),
    hasteRule(),
    judgeLiveness,
    judgeStore,
    successionRule(),
  ];
  readonly #violations: Violation[] = [];
  readonly #told = new Set<string>();

  observe(entry: HistoryEntry): void {
    const report = (invariant: Violation['invariant'], subject: string, message: string): void => {
      if (this.#violations.length >= MOST_VIOLATIONS || this.#told.has(`${invariant} ${message}`)) return;
      this.#told.add(`${invariant} ${message}`);
      this.#violations.push({ invariant, at: entry.at, subject, message });
    };
    for (const rule of this.#rules) rule(entry, this.#facts, report);
    this.#bookkeeper.apply(entry);
  }

  violations(): readonly Violation[] {
    return this.#violations;
  }
}
