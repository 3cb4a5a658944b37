import type { InterruptionPolicy } from '../interruptionpolicy.ts';
import { conditionOf, isConditionTrue } from '../meta.ts';
import type { PodCheckpoint } from '../podcheckpoint.ts';
import type { PodGroupCheckpoint } from '../podgroupcheckpoint.ts';
import { AGE_COLUMN, column, NAME_COLUMN, orNone, type PrinterColumn, wideColumn } from './column.ts';

export const POD_CHECKPOINT_COLUMNS: readonly PrinterColumn<PodCheckpoint>[] = [
  NAME_COLUMN,
  column('Pod', 'The pod that was checkpointed.', ({ spec }) => spec.sourcePod.name),
  column('Node', 'Node the dump was made on.', ({ status }) => orNone(status?.nodeName)),
  column('Reason', 'Why it was asked for.', ({ spec }) => spec.reason ?? 'Manual'),
  column('Status', 'How far it, and what becomes of the workload, has come.', podCheckpointStatusText),
  column('Size', 'Bytes of all its containers.', ({ status }) => {
    const containers = status?.checkpointedContainers;
    return containers === undefined
      ? '<none>'
      : sizeText(containers.reduce((sum, one) => sum + (one.sizeBytes ?? 0), 0));
  }),
  AGE_COLUMN,
  wideColumn('After', 'What becomes of the pod after the dump.', ({ spec }) => spec.postCheckpointState ?? 'Running'),
  wideColumn('Preemptor', 'The pod the room was made for.', ({ spec: { preemptor } }) =>
    orNone(preemptor === undefined ? undefined : `${preemptor.namespace}/${preemptor.name}`),
  ),
  wideColumn('Dump', 'How long the dump took.', ({ status }) => millisecondsText(status?.dumpMilliseconds)),
  wideColumn('Restore', 'How long the restore took.', ({ status }) => millisecondsText(status?.restoreMilliseconds)),
  wideColumn('Store', 'Where a verified copy is.', ({ status }) => orNone(status?.checkpointLocation?.store?.url)),
  wideColumn('Encrypted', 'Whether that copy is encrypted.', ({ status }) =>
    orNone(status?.checkpointLocation?.store?.encrypted.toString()),
  ),
  wideColumn('Restored As', 'The pod that goes on from it.', ({ status }) => orNone(status?.restoration?.podName)),
];

/**
 * The furthest a checkpoint has come, in one word: `Pending`, `CheckpointInProgress`, `CheckpointCompleted`,
 * `CheckpointFailed`, `SourcePodReplaced`, `Released`, `Suspended`, `RestoreFailed`, `Restored`.
 */
export function podCheckpointStatusText({ metadata, status }: PodCheckpoint): string {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const restored = conditionOf(status?.conditions, 'Restored');
  if (restored !== undefined) return restored.status === 'True' ? 'Restored' : (restored.reason ?? 'Suspended');
  if (isConditionTrue(status?.conditions, 'Released')) return 'Released';
  return conditionOf(status?.conditions, 'Ready')?.reason ?? 'Pending';
}

export const POD_GROUP_CHECKPOINT_COLUMNS: readonly PrinterColumn<PodGroupCheckpoint>[] = [
  NAME_COLUMN,
  column('Members', 'How many pods it is of.', ({ status }) => orNone(status?.members?.length.toString())),
  column('Reason', 'Why it was asked for.', ({ spec }) => spec.reason ?? 'Manual'),
  column('Verdict', 'Committed: all are checkpointed. Aborted: all run on.', ({ status }) =>
    orNone(status?.decision?.verdict),
  ),
  column('Status', 'How far it has come.', podGroupCheckpointStatusText),
  AGE_COLUMN,
  wideColumn('After', 'What becomes of the pods after the dump.', ({ spec }) => spec.postCheckpointState ?? 'Running'),
  wideColumn('Why', 'Why it was decided so.', ({ status }) => orNone(status?.decision?.message)),
];

/** As {@link podCheckpointStatusText}, of all members together. */
export function podGroupCheckpointStatusText({ metadata, status }: PodGroupCheckpoint): string {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (isConditionTrue(status?.conditions, 'Restored')) return 'Restored';
  if (isConditionTrue(status?.conditions, 'Released')) return 'Released';
  return conditionOf(status?.conditions, 'Ready')?.reason ?? 'Pending';
}

export const INTERRUPTION_POLICY_COLUMNS: readonly PrinterColumn<InterruptionPolicy>[] = [
  NAME_COLUMN,
  column('On Preemption', 'What a preemption may do to the pods.', ({ spec }) => spec.onPreemption ?? 'Checkpoint'),
  column('Max Size', 'Pods using more memory are not checkpointed.', ({ spec }) => orNone(spec.maxCheckpointSize)),
  column('Minimum Run', 'Younger incarnations are not interrupted.', ({ spec }) => secondsText(spec.minimumRunSeconds)),
  column('Per Day', 'Interruptions of a workload in 24 hours.', ({ spec }) =>
    orNone(spec.maxInterruptionsPerDay?.toString()),
  ),
  AGE_COLUMN,
  wideColumn('Timeout', 'How long a dump may take.', ({ spec }) => secondsText(spec.timeoutSeconds)),
  wideColumn('Store', 'Where checkpoints are copied to.', ({ spec }) => orNone(spec.store?.url)),
  wideColumn('Encryption', 'Whether stored checkpoints must be encrypted.', ({ spec: { encryption } }) =>
    encryption?.required === true || (encryption?.recipients ?? []).length > 0 ? 'required' : '<none>',
  ),
];

function millisecondsText(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '<none>' : `${milliseconds}ms`;
}

function secondsText(seconds: number | undefined): string {
  return seconds === undefined ? '<none>' : `${seconds}s`;
}

const SIZE_UNITS = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'] as const;

/** Bytes rounded for people: `263Mi`, `1.5Gi`. */
export function sizeText(bytes: number): string {
  let amount = bytes;
  let power = 0;
  while (amount >= 1024 && power < SIZE_UNITS.length - 1) {
    amount /= 1024;
    power += 1;
  }
  return `${amount < 10 && power > 0 ? Math.round(amount * 10) / 10 : Math.round(amount)}${SIZE_UNITS[power] ?? ''}`;
}
