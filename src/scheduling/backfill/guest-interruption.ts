import type { Remedy } from '../framework/phases.ts';
import type { CostModel } from '../interruption/cost.ts';
import { makePlan } from '../interruption/interruption-plan.ts';
import type { Trial } from '../interruption/select-victims.ts';
import { singleUnit } from '../interruption/victim-unit.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Vacating } from './vacating.ts';

/** What should have happened by now is looked for again after this long. */
export const SOON_MS = 1_000;

export interface GuestRequest {
  /** The pod that is to start, on which node and when. */
  readonly pod: PodInfo;
  readonly node: NodeInfo;
  readonly at: number;
  readonly now: number;
  /** Those who were let in until then only. */
  readonly guests: readonly PodInfo[];
  /** When the others on the node give their room back. */
  readonly endOf: (pod: PodInfo) => number;
  /** Tries the pod on the node; is left as it was found. */
  readonly trial: Trial;
}

type Interrupt = Extract<Remedy, { type: 'Interrupt' }>;

/** When it is time to dump the guests so that they are away by the promised start: their interruption; else when that time comes. */
export function interruptGuests(
  { vacating, costs }: { readonly vacating: Vacating; readonly costs: CostModel },
  { pod, node, at, now, guests, endOf, trial }: GuestRequest,
): Interrupt | { readonly type: 'Later'; readonly at: number } {
  if (guests.length === 0) return { type: 'Later', at: Infinity };
  const begin = at - vacating.windowOf(guests, node, now);
  if (now < begin) return { type: 'Later', at: begin };
  const youngestFirst = guests
    .flatMap((guest) => {
      const permission = vacating.permissionFor(guest, now);
      return permission.checkpoint ? [{ guest, permission }] : [];
    })
    .sort((one, other) => other.guest.startedAt - one.guest.startedAt || (one.guest.uid < other.guest.uid ? -1 : 1));
  const chosen: typeof youngestFirst = [];
  try {
    // Who ends by itself until then is as good as gone.
    for (const other of node.pods.values()) if (!guests.includes(other) && endOf(other) <= at) trial.remove(other);
    for (const entry of youngestFirst) {
      if (trial.rejection() === undefined) break;
      trial.remove(entry.guest);
      chosen.push(entry);
    }
    if (chosen.length === 0 || trial.rejection() !== undefined) return { type: 'Later', at: now + SOON_MS };
  } finally {
    trial.restore();
  }
  const dumps = chosen.length;
  const units = chosen.map(({ guest, permission }) => {
    const checkpoint = costs.checkpointCost(guest, node, dumps);
    return singleUnit({ pod: guest, node, permission, checkpoint, terminate: Infinity });
  });
  const plan = makePlan({ node, leaving: [], leavingUntil: 0 }, units, { violating: new Set() });
  const victims = plan.victims.map((member) => ({
    ...member,
    costs: costs.explain(member.pod, node, { permission: member.permission, dumps, preemptor: pod, now }),
  }));
  return { type: 'Interrupt', plans: [{ ...plan, victims }], note: ' They were let in ahead of it until now.' };
}
