import { isApiError, type ObjectKey, type ObjectStore } from '../kubernetes/index.ts';
import {
  CHECKPOINT_FINALIZER,
  isSame,
  POD_CHECKPOINTS,
  type PodCheckpoint,
  type PodCheckpointStatus,
} from '../model/index.ts';

/**
 * Writes PodCheckpoints beside the controllers, which write the same status: every write is tied to the version it was
 * computed from, and computed again when that is not the newest any more. All methods give the object as it then is, or
 * undefined when it is gone (or another object took its name).
 */
export class CheckpointWriter {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** The object as the server has it now. */
  async current(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<PodCheckpoint | undefined> {
    try {
      const current = await this.#store.get(POD_CHECKPOINTS, keyParts(checkpoint), { signal });
      return current.metadata.uid === checkpoint.metadata.uid ? current : undefined;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** Puts in place of the status what `change` makes of it; nothing is written when that is the same. */
  async status(
    checkpoint: PodCheckpoint,
    change: (current: PodCheckpoint) => PodCheckpointStatus,
    signal: AbortSignal,
  ): Promise<PodCheckpoint | undefined> {
    return this.#write(checkpoint, signal, (current) => {
      const next = change(current);
      if (isSame(next, current.status ?? {})) return undefined;
      return { patch: { status: next }, subresource: 'status' };
    });
  }

  /** Says that a store alone has the data; nothing is written of one that is in none. */
  async onlyStored(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<PodCheckpoint | undefined> {
    return this.#write(checkpoint, signal, ({ status }) => {
      const { nodeLocal, store } = status?.checkpointLocation ?? {};
      if (nodeLocal === undefined || store === undefined) return undefined;
      return { patch: { status: { checkpointLocation: { nodeLocal: null } } }, subresource: 'status' };
    });
  }

  /** Says that its data is gone. */
  async withoutData(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<PodCheckpoint | undefined> {
    return this.#write(checkpoint, signal, ({ status }) => {
      if (status?.checkpointLocation === undefined) return undefined;
      return { patch: { status: { checkpointLocation: null } }, subresource: 'status' };
    });
  }

  async addFinalizer(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<PodCheckpoint | undefined> {
    return this.#write(checkpoint, signal, (current) => {
      const finalizers = current.metadata.finalizers ?? [];
      // None can be added to an object that is being deleted.
      if (finalizers.includes(CHECKPOINT_FINALIZER) || current.metadata.deletionTimestamp !== undefined)
        return undefined;
      return { patch: { metadata: { finalizers: [...finalizers, CHECKPOINT_FINALIZER] } } };
    });
  }

  async removeFinalizer(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<PodCheckpoint | undefined> {
    return this.#write(checkpoint, signal, (current) => {
      const finalizers = current.metadata.finalizers ?? [];
      if (!finalizers.includes(CHECKPOINT_FINALIZER)) return undefined;
      return { patch: { metadata: { finalizers: finalizers.filter((name) => name !== CHECKPOINT_FINALIZER) } } };
    });
  }

  async #write(
    checkpoint: PodCheckpoint,
    signal: AbortSignal,
    plan: (
      current: PodCheckpoint,
    ) => { patch: { metadata?: object; status?: object }; subresource?: 'status' } | undefined,
  ): Promise<PodCheckpoint | undefined> {
    let current: PodCheckpoint | undefined = checkpoint;
    while (current !== undefined) {
      const write = plan(current);
      if (write === undefined) return current;
      const { uid, resourceVersion } = current.metadata;
      const patch = { ...write.patch, metadata: { ...write.patch.metadata, uid, resourceVersion } };
      const options = { signal, ...(write.subresource === undefined ? {} : { subresource: write.subresource }) };
      try {
        return await this.#store.patch(POD_CHECKPOINTS, keyParts(current), patch, options);
      } catch (error) {
        if (isApiError(error, 'NotFound')) return undefined;
        if (!isApiError(error, 'Conflict')) throw error;
      }
      current = await this.current(checkpoint, signal);
    }
    return undefined;
  }
}

function keyParts(object: { metadata: { namespace?: string; name: string } }): ObjectKey {
  return { namespace: object.metadata.namespace, name: object.metadata.name };
}
