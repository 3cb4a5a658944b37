import {
  type GroupDecision,
  POD_GROUP_CHECKPOINTS,
  type PodCheckpoint,
  type PodGroupCheckpoint,
} from '../../model/index.ts';
import type { ApiEntry } from '../history.ts';
import { type CheckpointFact, checkpointUidOf, type Facts, readyOf } from './facts.ts';
import type { Report, Rule } from './rule.ts';

interface GroupFact {
  key: string;
  decision: GroupDecision | undefined;
  decidedAt: number;
  /** Keys of the members' PodCheckpoints. */
  members: readonly string[];
  /** It comes back whole, and has not been let go yet. */
  isHeld: boolean;
}

/**
 * Invariant 8: a group is checkpointed and restored whole or not at all. Judged by what the decision, written once, makes of each member:
 * at the instant of `Committed` every member's processes stand still behind a whole dump; only then is one `Ready`, and only after
 * `Aborted` has one failed; and nobody comes back before the last one's room is free, nor runs before the group's restore is `Committed`. A node that failed in between, with the
 * processes that were to be held there, excuses, and so does a disk that spoilt a dump after the vote.
 */
export function groupRule(): Rule {
  const groups = new Map<string, GroupFact>();
  return (entry, facts, report) => {
    if (entry.kind === 'process' && entry.fact === 'restored') {
      const checkpoint = facts.checkpoints.get(checkpointUidOf(entry.directory ?? ''));
      if (checkpoint !== undefined) judgeRestore(checkpoint, groups, facts, report);
    }
    if (entry.kind !== 'api') return;
    if (entry.collection === 'fermata.dev/podgroupcheckpoints') judgeGroup(entry, groups, facts, report);
    if (entry.collection === 'fermata.dev/podcheckpoints' && entry.type !== 'DELETED') {
      judgeMember(entry, groups, facts, report);
    }
  };
}

function judgeGroup(entry: ApiEntry, groups: Map<string, GroupFact>, facts: Facts, report: Report): void {
  const { metadata, status } = entry.object as PodGroupCheckpoint;
  const known = groups.get(metadata.uid);
  const decision = status?.decision;
  if (entry.type === 'DELETED') {
    groups.delete(metadata.uid);
    return;
  }
  if (known?.decision !== undefined && known.decision.verdict !== decision?.verdict) {
    report(
      8,
      entry.key,
      `group ${entry.key} was ${known.decision.verdict} and is ${decision?.verdict ?? 'undecided'} now`,
    );
  }
  const members = (status?.members ?? []).map(({ podCheckpointName }) => `${metadata.namespace}/${podCheckpointName}`);
  if (known?.decision === undefined && decision?.verdict === 'Committed')
    judgeCommit(entry.key, members, facts, report);
  const isNew = known?.decision === undefined && decision !== undefined;
  groups.set(metadata.uid, {
    key: entry.key,
    decision,
    members,
    isHeld: isHeld(entry.object as PodGroupCheckpoint),
    decidedAt: isNew ? entry.at : (known?.decidedAt ?? 0),
  });
}

function judgeCommit(key: string, members: readonly string[], facts: Facts, report: Report): void {
  for (const member of members) {
    const uid = facts.checkpointUidByKey.get(member);
    const dump = uid === undefined ? undefined : facts.dumps.get(uid);
    if (dump === undefined) {
      report(8, key, `group ${key} is Committed, and nothing was ever dumped for member ${member}`);
    } else if (dump.spoilt !== undefined) {
      report(8, key, `group ${key} is Committed although the dump of member ${member} is none (fault ${dump.spoilt})`);
    } else if (dump.state !== 'frozen' && facts.node(dump.node).diedAt === undefined) {
      report(8, key, `group ${key} is Committed while member ${member} does not stand still (${dump.state})`);
    }
  }
}

function judgeMember(entry: ApiEntry, groups: ReadonlyMap<string, GroupFact>, facts: Facts, report: Report): void {
  const checkpoint = entry.object as PodCheckpoint;
  const group = groupOf(checkpoint, groups);
  if (group === undefined) return;
  const before = facts.checkpoints.get(checkpoint.metadata.uid)?.state ?? 'pending';
  const now = readyOf(checkpoint);
  if (before === now) return;
  const verdict = group.decision?.verdict ?? 'undecided';
  if (now === 'ready' && verdict !== 'Committed') {
    report(8, entry.key, `member ${entry.key} is Ready and its group ${group.key} is ${verdict}`);
  }
  if (now !== 'failed' || verdict === 'Aborted') return;
  const { nodeName = '', sourcePodUID = '' } = checkpoint.status ?? {};
  const source = facts.pods.get(sourcePodUID);
  const diedAt = facts.node(nodeName).diedAt;
  const isDamaged = (facts.dumps.get(checkpoint.metadata.uid)?.damaged.size ?? 0) > 0;
  const isExcused =
    facts.lethal.has(sourcePodUID) || source?.deletedBy !== undefined || diedAt !== undefined || isDamaged;
  if (!isExcused) report(8, entry.key, `member ${entry.key} failed and its group ${group.key} is ${verdict}`);
}

function judgeRestore(
  checkpoint: CheckpointFact,
  groups: ReadonlyMap<string, GroupFact>,
  facts: Facts,
  report: Report,
): void {
  const group = groupOf(checkpoint.object, groups);
  if (group === undefined || checkpoint.restored) return;
  if (group.isHeld) {
    report(8, group.key, `${checkpoint.key} goes on and its group ${group.key} is not back as a whole`);
  }
  for (const member of group.members) {
    const other = facts.checkpoints.get(facts.checkpointUidByKey.get(member) ?? '');
    if (other === undefined || other.released || other.state === 'failed') continue;
    report(8, group.key, `${checkpoint.key} is restored and member ${other.key} of its group is not even released`);
  }
}

/** Alone in it nobody is waited for. */
function isHeld({ spec, status }: PodGroupCheckpoint): boolean {
  const isAlone = (status?.members ?? []).length < 2;
  return !isAlone && spec.postCheckpointState === 'Stopped' && status?.restoration?.verdict !== 'Committed';
}

function groupOf(checkpoint: PodCheckpoint, groups: ReadonlyMap<string, GroupFact>): GroupFact | undefined {
  const owner = checkpoint.metadata.ownerReferences?.find(({ kind }) => kind === POD_GROUP_CHECKPOINTS.kind);
  return owner === undefined ? undefined : groups.get(owner.uid);
}
