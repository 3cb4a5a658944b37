import type { Clock } from '../../clock/index.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import type { ArchiveKeys } from './archive-keys.ts';
import { discardUpload, removeArchive } from './discard.ts';
import { type DownloadRequest, downloadArchive } from './download.ts';
import { isHeld } from './held.ts';
import type { ArchiveName } from './names.ts';
import { type StoredArchive, type UploadRequest, uploadArchive } from './upload.ts';

/** The archives of one store, written and read with the keys of this node. */
export class CheckpointArchive {
  /** Without credentials. */
  readonly url: string;
  /** Whether what it writes is encrypted. */
  readonly encrypts: boolean;
  readonly #parts: { store: BlobStore; clock: Pick<Clock, 'monotonic'>; keys: ArchiveKeys };

  constructor(parts: { store: BlobStore; clock: Pick<Clock, 'monotonic'>; keys: ArchiveKeys }) {
    this.url = parts.store.url;
    this.encrypts = parts.keys.recipients.length > 0;
    this.#parts = parts;
  }

  /** See {@link uploadArchive}. */
  upload(request: UploadRequest): Promise<StoredArchive> {
    return uploadArchive(this.#parts, request);
  }

  /** See {@link downloadArchive}. */
  download(request: DownloadRequest): Promise<void> {
    return downloadArchive(this.#parts, request);
  }

  /** See {@link isHeld}. */
  holds(name: ArchiveName & { digest: string }, signal: AbortSignal): Promise<boolean> {
    const { store, keys } = this.#parts;
    return isHeld(store, keys, name, signal);
  }

  /** Whether it was there whole or an upload of it was cut off: it is there no more. Absent is fine. */
  async remove(name: ArchiveName, signal: AbortSignal): Promise<void> {
    await discardUpload(this.#parts.store, name, signal);
    await removeArchive(this.#parts.store, name, signal);
  }

  close(): Promise<void> {
    return this.#parts.store.close();
  }
}
