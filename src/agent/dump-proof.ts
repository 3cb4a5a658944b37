import { FermataError } from '../model/index.ts';
import type { CheckpointRuntime, PodObservation } from '../runtime/index.ts';
import { namesOf } from './dump-entry.ts';
import type { DumpSteps } from './dump-steps.ts';
import { IMAGE_FAILURES, verifyImages } from './images.ts';
import type { JournalEntry } from './journal.ts';
import type { CheckpointStorage } from './storage.ts';

/** Looks at what a dump left, on the disk and among the processes. */
export class DumpProof {
  readonly #parts: { runtime: CheckpointRuntime; storage: CheckpointStorage };
  readonly #steps: DumpSteps;

  constructor(parts: { runtime: CheckpointRuntime; storage: CheckpointStorage }, steps: DumpSteps) {
    this.#parts = parts;
    this.#steps = steps;
  }

  /** What shows that the dump is none, although it was reported: success is believed only when what is seen fits it. */
  async disproof(entry: JournalEntry, signal: AbortSignal, ended?: Promise<void>): Promise<string | undefined> {
    const [defect, survivor] = await Promise.all([this.defectOf(entry), this.#survivorOf(entry, signal, ended)]);
    if (survivor === undefined) return defect;
    return `the runtime reported a dump, but container ${survivor} still runs`;
  }

  async #survivorOf(entry: JournalEntry, signal: AbortSignal, ended?: Promise<void>): Promise<string | undefined> {
    if (entry.leaveRunning) return undefined;
    await ended;
    const present = (await this.#parts.runtime.list(signal)).find((pod) => pod.uid === entry.podUid);
    return present?.containers.find((container) => container.state === 'running')?.name;
  }

  /** What is wrong with the images; undefined: they are verified. */
  async defectOf(entry: JournalEntry): Promise<string | undefined> {
    // The runtime has looked at it as far as the contract lets it.
    if (entry.heldBy !== undefined) return undefined;
    try {
      await verifyImages(this.#steps.path(entry), namesOf(entry), this.#parts.storage.files);
      return undefined;
    } catch (error) {
      if (error instanceof FermataError && IMAGE_FAILURES.has(error.code)) return error.message;
      throw error;
    }
  }
}

/** A dump has stopped it. */
export function isFrozen(present: PodObservation | undefined): boolean {
  return present?.containers.some((container) => container.state === 'frozen') ?? false;
}
