import { join } from 'node:path';
import type { Pod, PodCheckpoint } from '../model/index.ts';
import type { DumperOptions, DumperParts } from './dumper-parts.ts';
import type { JournalEntry } from './journal.ts';

/** What each step of a dump needs: where its data lies, what the runtime is ordered, what the journal holds of it, who hears of it. */
export class DumpSteps {
  readonly #parts: Pick<DumperParts, 'journal' | 'unsettled' | 'events'>;
  readonly #options: Pick<DumperOptions, 'directory'>;

  constructor(parts: Pick<DumperParts, 'journal' | 'unsettled' | 'events'>, options: Pick<DumperOptions, 'directory'>) {
    this.#parts = parts;
    this.#options = options;
  }

  /** It is at its end: the journal forgets it, and the pod is free for others. */
  settle(entry: JournalEntry): void {
    this.#parts.journal.delete(entry.checkpointUid);
    this.#parts.unsettled.delete(entry.podUid, entry.checkpointUid);
  }

  /** Writes the step down; it may be taken when this returns. */
  advance(entry: JournalEntry, step: Partial<JournalEntry>): JournalEntry {
    const next = { ...entry, ...step };
    this.#parts.journal.put(next);
    return next;
  }

  orderOf(entry: JournalEntry, signal: AbortSignal) {
    const { leaveRunning, timeoutMilliseconds, outside, upstream } = entry;
    const asked = { leaveRunning, timeoutMilliseconds, ...(outside && { outside }), ...(upstream && { upstream }) };
    return { directory: this.path(entry), ...asked, signal };
  }

  path(entry: JournalEntry): string {
    return join(this.#options.directory, entry.folder);
  }

  tell(
    checkpoint: PodCheckpoint,
    pod: Pod | undefined,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    const { events } = this.#parts;
    events.record(checkpoint, type, reason, message);
    events.record(pod ?? subjectOf(checkpoint), type, reason, message);
  }
}

/** The pod as far as an event about it needs it. */
function subjectOf(checkpoint: PodCheckpoint): Pod {
  const { namespace, creationTimestamp } = checkpoint.metadata;
  const { name } = checkpoint.spec.sourcePod;
  const uid = checkpoint.status?.sourcePodUID ?? checkpoint.spec.sourcePod.uid ?? '';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, uid, resourceVersion: '', creationTimestamp, ...(namespace === undefined ? {} : { namespace }) },
    spec: { containers: [] },
  };
}
