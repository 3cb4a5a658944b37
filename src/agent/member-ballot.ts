import type { PodCheckpoint } from '../model/index.ts';
import type { HeldDump } from '../runtime/index.ts';
import { containersOf } from './dump-entry.ts';
import type { DumpProof } from './dump-proof.ts';
import type { DumpSteps } from './dump-steps.ts';
import type { DumperParts } from './dumper-parts.ts';
import { GroupBallot } from './group-ballot.ts';
import { describeImages } from './images.ts';
import type { JournalEntry } from './journal.ts';

export interface BallotContext extends Pick<DumperParts, 'votes' | 'writer' | 'clock' | 'storage'> {
  steps: DumpSteps;
  proof: DumpProof;
}

/** The member's part in the decision of its group, see {@link GroupBallot}; undefined: it is of no group. */
export function ballotOf(
  parts: BallotContext,
  checkpoint: PodCheckpoint | undefined,
  entry: JournalEntry,
  signals: { stop: AbortSignal; cancel: AbortSignal },
): GroupBallot | undefined {
  if (entry.group === undefined) return undefined;
  const { votes, writer, clock, storage, steps, proof } = parts;
  const defect = async ({ report }: HeldDump): Promise<string | undefined> => {
    const { files } = storage;
    const containers = report?.containers ?? (await describeImages(steps.path(entry), containersOf(entry), files));
    return proof.defectOf({ ...entry, containers });
  };
  const commit = (): void => {
    steps.advance(entry, { committed: true });
  };
  return new GroupBallot({ votes, writer, clock, defect, commit }, entry.group, entry, checkpoint, signals);
}
