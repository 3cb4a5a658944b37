import { isConditionTrue, type PodCheckpoint } from '../../model/index.ts';
import type { ApiEntry, HistoryEntry, InventoryEntry } from '../history.ts';
import type { CheckpointFact, Facts } from './facts.ts';
import type { Report } from './rule.ts';

/** Stores are slow or away for a while, and restores fail; not so often on end. */
const MOST_FAILURES = 12;

/**
 * In worlds with a store: what is in it comes back although its node is lost (4); and at rest every checkpoint that is Ready is in it
 * (5), and nothing else.
 */
export function judgeStore(entry: HistoryEntry, facts: Facts, report: Report): void {
  if (entry.kind === 'api' && entry.collection === 'fermata.dev/podcheckpoints') judgeFailure(entry, facts, report);
  if (entry.kind === 'inventory' && facts.phase === 'settled') judgeAtRest(entry, facts, report);
}

/** A copy of it is off its node. */
export function isStored({ object }: CheckpointFact): boolean {
  return isConditionTrue(object.status?.conditions, 'Stored');
}

/** And that copy is as it was stored. */
export function isWholeInStore(fact: CheckpointFact, facts: Facts): boolean {
  const damaged = facts.dumps.get(fact.uid)?.damaged.keys() ?? [];
  return isStored(fact) && ![...damaged].some((copy) => copy.includes('://'));
}

function judgeFailure({ object, previous, key }: ApiEntry, facts: Facts, report: Report): void {
  const { spec, status } = object as PodCheckpoint;
  // Members of a group wait for each other: what fails is mostly the room for all of them.
  if (spec.group !== undefined) return;
  const failures = status?.restoration?.failures ?? 0;
  const before = (previous as PodCheckpoint | undefined)?.status?.restoration?.failures ?? 0;
  if (failures < MOST_FAILURES || before >= MOST_FAILURES) return;
  const fact = facts.checkpoints.get(object.metadata.uid);
  if (fact === undefined || !isWholeInStore(fact, facts)) return;
  report(4, key, `checkpoint ${key} is in the store, and ${failures} restores from it have failed`);
}

function judgeAtRest({ archives: held }: InventoryEntry, facts: Facts, report: Report): void {
  if (held === undefined) return;
  const archives = new Set(held);
  for (const uid of archives) {
    if (!facts.checkpoints.has(uid))
      report('liveness', uid, `the store still has ${uid}, which is of no PodCheckpoint`);
  }
  for (const fact of facts.checkpoints.values()) {
    const { key, uid, object, state } = fact;
    if (state !== 'ready' || object.metadata.deletionTimestamp !== undefined) continue;
    if (isStored(fact)) {
      if (!archives.has(uid) && isWholeInStore(fact, facts))
        report(5, key, `checkpoint ${key} says that it is stored, and the store does not have it`);
      continue;
    }
    // What is no longer as it was sealed is no copy to keep.
    if ((facts.dumps.get(uid)?.damaged.size ?? 0) > 0) continue;
    const node = facts.node(object.status?.nodeName ?? '');
    if (!node.lost && node.object !== undefined) report('liveness', key, `checkpoint ${key} is not stored`);
  }
}
