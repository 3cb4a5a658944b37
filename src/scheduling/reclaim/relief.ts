import type { Usage } from './usage-window.ts';

/** An opportunistic pod that could give way. */
export interface Yielder {
  readonly id: string;
  readonly priority: number;
  /** What its interruption costs, node-seconds. */
  readonly cost: number;
  readonly wants: Usage;
}

/**
 * Who gives way so that the wants of those who stay are within `room`: as few priorities up as possible, within one the
 * cheapest first; whoever turns out not to be needed stays, the most important first. All of them when that is not enough.
 */
export function relieve<T extends Yielder>(present: readonly T[], room: Usage): readonly T[] {
  const over = {
    cpu: present.reduce((sum, { wants }) => sum + wants.cpu, 0) - room.cpu,
    memory: present.reduce((sum, { wants }) => sum + wants.memory, 0) - room.memory,
  };
  const isEnough = (): boolean => over.cpu <= 0 && over.memory <= 0;
  const chosen: T[] = [];
  for (const pod of [...present].sort(byImportance)) {
    if (isEnough()) break;
    // One that has nothing of what is short would go for nothing.
    if (!(over.cpu > 0 && pod.wants.cpu > 0) && !(over.memory > 0 && pod.wants.memory > 0)) continue;
    chosen.push(pod);
    over.cpu -= pod.wants.cpu;
    over.memory -= pod.wants.memory;
  }
  if (!isEnough()) return chosen;
  return chosen
    .toReversed()
    .filter(({ wants }) => {
      const spared = over.cpu + wants.cpu <= 0 && over.memory + wants.memory <= 0;
      if (spared) {
        over.cpu += wants.cpu;
        over.memory += wants.memory;
      }
      return !spared;
    })
    .toReversed();
}

/** Least important first. */
function byImportance(one: Yielder, other: Yielder): number {
  return one.priority - other.priority || one.cost - other.cost || (one.id < other.id ? -1 : 1);
}
