import type { PodCheckpoint } from '../../model/index.ts';
import type { ApiEntry, HistoryEntry, ProcessEntry } from '../history.ts';
import { checkpointUidOf, type DumpFact, type Facts, isStopped, type PodFact, readyOf } from './facts.ts';
import type { Report } from './rule.ts';

/**
 * Invariant 7 (a failed dump leaves its victim running), and what the agent promises of dumps: never two of one pod at
 * once; `Ready` means complete images (5: they are to be the only copy) of a pod that does not run any more (9).
 */
export function judgeDumps(entry: HistoryEntry, facts: Facts, report: Report): void {
  if (entry.kind === 'process' && entry.fact === 'frozen') judgeFreeze(entry, facts, report);
  if (entry.kind !== 'api' || entry.collection !== 'fermata.dev/podcheckpoints' || entry.type === 'DELETED') return;
  const checkpoint = entry.object as PodCheckpoint;
  const before = facts.checkpoints.get(checkpoint.metadata.uid)?.state ?? 'pending';
  const now = readyOf(checkpoint);
  if (before === now) return;
  const dump = facts.dumps.get(checkpoint.metadata.uid);
  const sourceUid = checkpoint.status?.sourcePodUID ?? '';
  if (before === 'ready') report(5, entry.key, `checkpoint ${entry.key} was Ready and is ${now} now`);
  if (now === 'inProgress') judgeOnlyOne(entry, sourceUid, facts, report);
  if (now === 'ready') judgeReady(entry, checkpoint, dump, facts.pods.get(sourceUid), report);
  if (now === 'failed') judgeFailed(entry, dump, facts.pods.get(sourceUid), report);
}

function judgeFreeze(entry: ProcessEntry, facts: Facts, report: Report): void {
  const uid = checkpointUidOf(entry.directory ?? '');
  for (const process of facts.pods.get(entry.podUid)?.processes.values() ?? []) {
    if (process.state !== 'frozen' || process.checkpointUid === uid) continue;
    report(7, entry.workload, `pod ${entry.podUid} is dumped for ${uid} and ${process.checkpointUid} at once`);
    return;
  }
}

function judgeOnlyOne(entry: ApiEntry, sourceUid: string, facts: Facts, report: Report): void {
  const other = facts.checkpointsOf(sourceUid).find(
    ({ uid, state, takenUpBy }) =>
      uid !== entry.object.metadata.uid &&
      state === 'inProgress' &&
      // What a process that is gone took up and did not begin is for its next life to take up again, in any order.
      (takenUpBy === entry.by || facts.dumps.get(uid)?.state === 'frozen'),
  );
  if (other === undefined) return;
  report(7, entry.key, `pod ${sourceUid} is dumped for checkpoints ${entry.key} and ${other.key} at once`);
}

function judgeReady(
  { key }: ApiEntry,
  checkpoint: PodCheckpoint,
  dump: DumpFact | undefined,
  source: PodFact | undefined,
  report: Report,
): void {
  if (dump === undefined) {
    report(5, key, `checkpoint ${key} is Ready, and nothing was ever dumped for it`);
    return;
  }
  if (dump.spoilt !== undefined) {
    report(5, key, `checkpoint ${key} is Ready although its dump is none (fault ${dump.spoilt})`);
  } else if (dump.state === 'frozen') {
    report(5, key, `checkpoint ${key} is Ready although its dump has not ended`);
  }
  if (!isStopped(checkpoint)) return;
  for (const process of source?.processes.values() ?? []) {
    if (process.state !== 'running') continue;
    report(9, key, `checkpoint ${key} is Ready while container ${process.container} of its pod runs on`);
  }
  if (dump.state === 'thawed' && dump.spoilt === undefined) {
    report(9, key, `checkpoint ${key} is Ready although its pod went on after the dump`);
  }
}

function judgeFailed({ key }: ApiEntry, dump: DumpFact | undefined, source: PodFact | undefined, report: Report): void {
  for (const process of source?.processes.values() ?? []) {
    if (process.checkpointUid !== dump?.checkpointUid || dump === undefined) continue;
    if (process.state === 'frozen') {
      report(7, key, `checkpoint ${key} failed, and container ${process.container} of its victim is still frozen`);
    } else if (process.state === 'dumped' && dump.spoilt === undefined && dump.damaged.size === 0) {
      report(
        7,
        key,
        `checkpoint ${key} failed although its dump is whole and container ${process.container} is stopped by it`,
      );
    }
  }
}
