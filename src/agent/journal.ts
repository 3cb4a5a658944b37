import type { CheckpointedContainer } from '../model/index.ts';
import type { OutsideConnections, UpstreamRecord } from '../runtime/index.ts';

/**
 * How far one checkpoint has come. `dumping`: the runtime was, or is about to be, ordered to dump; only the runtime knows
 * what became of it. `dumped`: the images are complete (of a Stopped checkpoint: and no process runs). `sealed`: the
 * manifest is written; what is left is to say so. `failed`: given up; what is left is to say so and to clear away.
 */
export type JournalStep = 'dumping' | 'dumped' | 'sealed' | 'failed';

/** What an agent that was killed must know of a checkpoint to bring it to its end. */
export interface JournalEntry {
  /** UID, namespace and name of the PodCheckpoint. */
  checkpointUid: string;
  namespace: string;
  name: string;
  /** The pod that is dumped. */
  podUid: string;
  /** Folder of the data, relative to the agent's directory. */
  folder: string;
  leaveRunning: boolean;
  timeoutMilliseconds: number;
  step: JournalStep;
  /** When the runtime was ordered to dump; ms since the epoch. */
  orderedAt: number;
  /** The pod as it ran: what the next incarnation is made from. */
  template: { metadata: unknown; spec: unknown };
  /** `emptyDir` volumes whose content belongs to the checkpoint. */
  emptyDirs: string[];
  /** What its owner's policy says about connections to the outside; absent: they are kept. */
  outside?: OutsideConnections;
  /** It is a member of this PodGroupCheckpoint: its dump counts only when the group is committed. */
  group?: { namespace: string; name: string; uid: string };
  /** The group is. */
  committed?: boolean;
  /** The kubelet's own PodCheckpoint may hold the data. */
  upstream?: true;
  /** From `dumped` on: it does. */
  heldBy?: UpstreamRecord;
  /** From `dumped` on. */
  containers?: CheckpointedContainer[];
  dumpedAt?: number;
  /** Of `failed`: why, in the words of the status. */
  failure?: string;
  /** From `sealed` on. */
  sealedAt?: number;
  manifestDigest?: string;
}

/**
 * The agent's memory across its own death. Calls are synchronous, and what they wrote outlives the process when they return:
 * the next step is taken only after the one before is written.
 */
export interface Journal {
  /** All entries, oldest first. */
  entries(): JournalEntry[];
  /** Adds the entry, or replaces the one of the same PodCheckpoint. */
  put(entry: JournalEntry): void;
  /** Forgets the entry; one that is not there is fine. */
  delete(checkpointUid: string): void;
  close(): void;
}

/** Lives as long as the object: for tests, and runs in virtual time where an agent is killed but its machine is not. */
export class MemoryJournal implements Journal {
  readonly #entries = new Map<string, string>();

  entries(): JournalEntry[] {
    return [...this.#entries.values()].map((text) => JSON.parse(text) as JournalEntry);
  }

  put(entry: JournalEntry): void {
    this.#entries.set(entry.checkpointUid, JSON.stringify(entry));
  }

  delete(checkpointUid: string): void {
    this.#entries.delete(checkpointUid);
  }

  close(): void {}
}
