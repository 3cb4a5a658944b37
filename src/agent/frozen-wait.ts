import { FREEZE_AT_ONCE_ANNOTATION, keyOf, type PodCheckpoint, reasonOf } from '../model/index.ts';
import type { DumperParts } from './dumper-parts.ts';

type Parts = Pick<DumperParts, 'runtime' | 'slots' | 'log'>;

/**
 * A pod that has to give way at once stands still while its dump waits for its turn. Killed meanwhile, the agent finds the dump
 * in its journal when it is started again, and `recoverDump` lets the pod go.
 */
export class FrozenWait {
  readonly #parts: Parts;
  readonly #checkpoint: PodCheckpoint;
  readonly #podUid: string;
  #isFrozen = false;

  constructor(parts: Parts, checkpoint: PodCheckpoint, podUid: string) {
    this.#parts = parts;
    this.#checkpoint = checkpoint;
    this.#podUid = podUid;
  }

  /** Freezes the pod where that was asked for, its dump has to wait, and this runtime can. A failure is no hindrance to the dump. */
  async begin(signal: AbortSignal): Promise<void> {
    const { runtime, slots, log } = this.#parts;
    const { metadata, spec } = this.#checkpoint;
    const isAsked =
      metadata.annotations?.[FREEZE_AT_ONCE_ANNOTATION] === 'true' && spec.postCheckpointState === 'Stopped';
    if (!isAsked || !slots.areTaken || runtime.freezePod === undefined) return;
    this.#isFrozen = true;
    try {
      await runtime.freezePod(this.#podUid, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ checkpoint: keyOf(this.#checkpoint), reason: reasonOf(error) }, 'pod not frozen ahead of its dump');
    }
  }

  /** From here on it is the dump that stops it, and lets it go when it fails. */
  dumpBegins(): void {
    this.#isFrozen = false;
  }

  /** The dump never began: the pod goes on. */
  async undo(): Promise<void> {
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    await this.#parts.runtime.thawPod?.(this.#podUid);
  }
}
