import {
  CHECKPOINT_LOWER_PRIORITY,
  DEFAULT_POLICY_NAMESPACE,
  type InterruptionPolicy,
  mostSpecificFirst,
  type Pod,
  PREEMPTION_POLICY_ANNOTATION,
  policyThatHolds,
  RESTORE_FROM_ANNOTATION,
  RESTORED_CONDITION,
} from '../../model/index.ts';
import type { ApiEntry, HistoryEntry } from '../history.ts';
import { type CheckpointFact, condition, type Facts, isOwner, isStopped, isTerminal, isToBeRestored } from './facts.ts';
import type { Report } from './rule.ts';

/** How far behind the API a component may be that does no wrong. */
const STALE_MILLISECONDS = 10 * 60_000;

/**
 * What components of the product may delete and create: a victim only when its checkpoint is `Ready` (3), or where policy
 * lets it be terminated; a checkpoint only when nobody needs it (5); an incarnation only when none has gone on from the
 * checkpoint before (2). What owners delete is theirs.
 */
export function judgeDeletions(entry: HistoryEntry, facts: Facts, report: Report): void {
  if (entry.kind !== 'api') return;
  if (entry.collection === '/pods') {
    if (entry.type === 'ADDED') judgeIncarnation(entry, facts, report);
    else if (isDeletion(entry)) judgePodDeletion(entry, facts, report);
  } else if (entry.collection === 'fermata.dev/podcheckpoints' && entry.type !== 'ADDED') {
    const fact = facts.checkpoints.get(entry.object.metadata.uid);
    if (fact === undefined) return;
    if (isDeletion(entry) && !isOwner(entry.by)) judgeCheckpointDeletion(entry, fact, facts, report);
    if (entry.type === 'DELETED') judgeLoss(entry, fact, facts, report);
  }
}

/** Deletion is asked for by this very write. */
function isDeletion({ type, object, previous }: ApiEntry): boolean {
  if (previous?.metadata.deletionTimestamp !== undefined) return false;
  return type === 'DELETED' || object.metadata.deletionTimestamp !== undefined;
}

function judgePodDeletion({ object, key, by, at }: ApiEntry, facts: Facts, report: Report): void {
  const pod = object as Pod;
  if (isOwner(by) || isTerminal(pod)) return;
  const fact = facts.pods.get(pod.metadata.uid);
  if (by.startsWith('scheduler')) {
    const from = pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION];
    if (from !== undefined && (fact?.processes.size ?? 0) === 0) {
      report(5, key, `${by} deleted pod ${key} while it was being restored from ${from}, and nobody restores it again`);
    }
    // A decision may be older than the label that now forbids it.
    const relabelledAt = fact?.relabelledAt ?? Number.NEGATIVE_INFINITY;
    if (at - relabelledAt > STALE_MILLISECONDS) judgeTermination(pod, key, facts, report);
    return;
  }
  const failedRestore = condition(pod.status?.conditions, RESTORED_CONDITION)?.status === 'False';
  if (facts.stoppedBy(pod.metadata.uid) === undefined && !failedRestore) {
    report(3, key, `${by} deleted pod ${key} (${pod.metadata.uid}) without a Ready checkpoint of it`);
  }
}

function judgeTermination(pod: Pod, key: string, facts: Facts, report: Report): void {
  const policy = policyOf(pod, facts);
  const disruption = condition(pod.status?.conditions, 'DisruptionTarget');
  const word = policy === undefined ? undefined : (policy.spec.onPreemption ?? 'Checkpoint');
  if (word === 'Terminate' || word === 'CheckpointElseTerminate') return;
  if (word !== undefined) {
    report(3, key, `the scheduler terminated pod ${key} although policy ${policy?.metadata.name} says ${word}`);
    return;
  }
  // Said by the scheduler itself; where it says nothing of the kind, or of a pod that is gone, there is nothing to judge.
  const preemptor = facts.podByKey(/preempting .*: (\S+)$/.exec(disruption?.message ?? '')?.[1] ?? '');
  const name = preemptor?.pod.spec.priorityClassName;
  const priorityClass = name === undefined ? undefined : facts.priorityClasses.get(name);
  if (priorityClass !== undefined && !terminates(priorityClass)) {
    report(3, key, `the scheduler terminated pod ${key} for ${preemptor?.key}, whose class ${name} does not`);
  }
}

function terminates({
  metadata,
  preemptionPolicy,
}: {
  metadata: { annotations?: Record<string, string> };
  preemptionPolicy?: string;
}): boolean {
  if (metadata.annotations?.[PREEMPTION_POLICY_ANNOTATION] === CHECKPOINT_LOWER_PRIORITY) return false;
  return (preemptionPolicy ?? 'PreemptLowerPriority') === 'PreemptLowerPriority';
}

function policyOf(pod: Pod, facts: Facts): InterruptionPolicy | undefined {
  const of = (namespace: string | undefined): InterruptionPolicy[] =>
    [...facts.policies.values()].filter(({ metadata }) => metadata.namespace === namespace);
  const own = of(pod.metadata.namespace).toSorted(mostSpecificFirst);
  return policyThatHolds(own, of(DEFAULT_POLICY_NAMESPACE), pod.metadata.labels);
}

function judgeIncarnation({ object, key, by }: ApiEntry, facts: Facts, report: Report): void {
  const name = object.metadata.annotations?.[RESTORE_FROM_ANNOTATION];
  if (name === undefined || isOwner(by)) return;
  const checkpoint = facts.checkpoints.get(facts.checkpointUidByKey.get(`${object.metadata.namespace}/${name}`) ?? '');
  if (checkpoint === undefined) {
    report(2, key, `${by} created pod ${key} from checkpoint ${name}, which does not exist`);
    return;
  }
  if (condition(checkpoint.object.status?.conditions, 'Restored')?.status === 'True') {
    report(
      2,
      key,
      `${by} created pod ${key} from checkpoint ${checkpoint.key}, from which an incarnation went on already`,
    );
  }
  if (checkpoint.object.spec.restore === 'Never') {
    report(2, key, `${by} created pod ${key} although checkpoint ${checkpoint.key} says restore: Never`);
  }
  if (!checkpoint.released) report(2, key, `${by} created pod ${key} before checkpoint ${checkpoint.key} was Released`);
}

/** Retention asks for the deletion of what a workload still needs. */
function judgeCheckpointDeletion({ key, by }: ApiEntry, fact: CheckpointFact, facts: Facts, report: Report): void {
  if (fact.state !== 'ready') return;
  if (isOnlyCopy(fact)) {
    report(5, key, `${by} asked for the deletion of checkpoint ${key}, the only copy of a suspended workload`);
    return;
  }
  const pod = fallsBackTo(fact, facts);
  if (pod === undefined) return;
  report(5, key, `${by} asked for the deletion of checkpoint ${key}, from which pod ${pod} goes on after a crash`);
}

function judgeLoss({ key, by }: ApiEntry, fact: CheckpointFact, facts: Facts, report: Report): void {
  if (fact.state !== 'ready') return;
  if (isOnlyCopy(fact)) {
    report(5, key, `checkpoint ${key} is gone (${by}), and with it the only copy of a suspended workload`);
    return;
  }
  const pod = fallsBackTo(fact, facts);
  if (pod !== undefined)
    report(5, key, `checkpoint ${key} is gone (${by}), from which pod ${pod} goes on after a crash`);
}

/** The living pod that would be restored from the checkpoint again, should its container crash. */
function fallsBackTo({ object }: CheckpointFact, facts: Facts): string | undefined {
  const pod = facts.podByKey(`${object.metadata.namespace}/${object.spec.sourcePod.name}`)?.pod;
  if (pod?.metadata.annotations?.[RESTORE_FROM_ANNOTATION] !== object.metadata.name) return undefined;
  if (isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined) return undefined;
  const isStopping = facts
    .checkpointsOf(pod.metadata.uid)
    .some((one) => one.state === 'ready' && isStopped(one.object));
  return isStopping ? undefined : pod.metadata.name;
}

/** A workload was stopped by it, and has not come back, and its owner has not given it up. */
function isOnlyCopy({ object, restored, givenUp }: CheckpointFact): boolean {
  return isToBeRestored(object) && !restored && !givenUp;
}
