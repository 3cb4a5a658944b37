import type { Cycle } from '../framework/cycle.ts';
import type { Framework } from '../framework/framework.ts';
import type { FilterPlugin, Rejection } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Budgets } from './budgets.ts';
import { rankOf } from './interruption-plan.ts';
import type { PlanOrder } from './plan-order.ts';
import type { Importance, VictimUnit } from './victim-unit.ts';

/** Tries a pod on a node with some of its pods taken away; {@link restore} puts everything back. */
export class Trial {
  readonly #framework: Framework;
  readonly #cycle: Cycle;
  readonly #filters: readonly FilterPlugin[];
  readonly #node: NodeInfo;
  readonly #removed = new Set<PodInfo>();

  constructor(framework: Framework, cycle: Cycle, filters: readonly FilterPlugin[], node: NodeInfo) {
    this.#framework = framework;
    this.#cycle = cycle;
    this.#filters = filters;
    this.#node = node;
  }

  remove(pod: PodInfo): void {
    // A unit may have members elsewhere: they go with it, but free nothing here.
    if (pod.nodeName !== this.#node.name) return;
    this.#framework.removePod(this.#cycle, pod, this.#node);
    this.#removed.add(pod);
  }

  putBack(pod: PodInfo): void {
    if (this.#removed.delete(pod)) this.#framework.addPod(this.#cycle, pod, this.#node);
  }

  removeUnit(unit: VictimUnit): void {
    for (const { pod } of unit.members) this.remove(pod);
  }

  putBackUnit(unit: VictimUnit): void {
    for (const { pod } of unit.members) this.putBack(pod);
  }

  rejection(): Rejection | undefined {
    return this.#framework.filter(this.#cycle, this.#node, this.#filters);
  }

  restore(): void {
    for (const pod of this.#removed) this.putBack(pod);
  }
}

const NONE: ReadonlySet<string> = new Set();

export interface VictimSelection {
  readonly victims: readonly VictimUnit[];
  /** UIDs of candidates beyond their budget. */
  readonly violating: ReadonlySet<string>;
}

/**
 * Kube-scheduler's way to the victims on one node (`SelectVictimsOnNode`): take every candidate away; if the pod then
 * fits, reprieve one after the other — those beyond their budget first, each group from most to least important — and
 * what cannot come back is a victim. So the victims suffice, and each of them is needed. `trial` is left with exactly the
 * victims removed.
 */
export function selectVictims(
  trial: Trial,
  candidates: readonly VictimUnit[],
  { budgets, importance }: { budgets: Budgets; importance: Importance },
): VictimSelection | Rejection {
  const ordered = candidates.length < 2 ? candidates : [...candidates].sort(importance); // speed
  for (const unit of ordered) trial.removeUnit(unit);
  const rejection = trial.rejection();
  if (rejection !== undefined) return rejection;
  const violating = budgets.isEmpty
    ? NONE
    : budgets.violatedBy(ordered.flatMap(({ members }) => members.map(({ pod }) => pod)));
  const victims: VictimUnit[] = [];
  if (violating.size > 0) reprieve(trial, ordered, (unit) => isBeyond(unit, violating), victims); // speed
  reprieve(trial, ordered, (unit) => !isBeyond(unit, violating), victims);
  return { victims, violating };
}

function isBeyond(unit: VictimUnit, violating: ReadonlySet<string>): boolean {
  return unit.members.some(({ pod }) => violating.has(pod.uid));
}

/** Gives back, in order, each unit that may come back; the others are victims. */
function reprieve(
  trial: Trial,
  ordered: readonly VictimUnit[],
  concerns: (unit: VictimUnit) => boolean,
  victims: VictimUnit[],
): void {
  for (const unit of ordered) {
    if (!concerns(unit)) continue;
    trial.putBackUnit(unit);
    if (trial.rejection() === undefined) continue;
    trial.removeUnit(unit);
    victims.push(unit);
  }
}

/**
 * The best victim set there is on the node, by exhaustive search cut off at the set known already. Reprieving by importance
 * may miss it: it gives back the dearest first, which can force several cheap ones, dumped at once, instead of that one.
 * `trial` has every candidate removed or not as it likes, and is left with all of them put back.
 */
export function cheapestVictims(
  trial: Trial,
  candidates: readonly VictimUnit[],
  known: VictimSelection,
  { order, importance, nodeName }: { order: PlanOrder; importance: Importance; nodeName: string },
): readonly VictimUnit[] {
  const ordered = [...candidates].sort(importance).reverse();
  let best = known.victims;
  let bestRank = rankOf(best, known.violating, nodeName);
  const chosen: VictimUnit[] = [];
  const visit = (next: number): void => {
    // Every part of a rank only gets worse as units are added, so that a partial set bounds all sets that contain it.
    const rank = rankOf(chosen, known.violating, nodeName);
    if (order(rank, bestRank) >= 0) return;
    if (trial.rejection() === undefined) {
      best = [...chosen];
      bestRank = rank;
      return;
    }
    for (const [index, unit] of ordered.entries()) {
      if (index < next) continue;
      chosen.push(unit);
      trial.removeUnit(unit);
      visit(index + 1);
      trial.putBackUnit(unit);
      chosen.pop();
    }
  };
  for (const unit of candidates) trial.putBackUnit(unit);
  visit(0);
  return best;
}
