import { hash, webcrypto } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock/index.ts';
import { CHUNK_BYTES } from './content-digest.ts';

/** Below this a hash in place is quicker than the way to the thread pool and back. */
const HASH_IN_PLACE_BYTES = 64 * 1024;
/** CRIU writes some 5 MiB in this time: about one chunk. */
const POLL_MILLISECONDS = 5;
/** CRIU only ever appends to these (`page-xfer.c`), and they are all but a few KiB of a dump. */
const PAGES_FILE = /(^|\/)pages-\d+\.img$/;

/** What tells a file from another, and from itself before it was changed. */
export interface FileState {
  ino: bigint;
  size: bigint;
  mtimeNs: bigint;
}

interface Followed {
  handle: FileHandle;
  chunkDigests: Uint8Array[];
  /** At the end of following. */
  state?: FileState;
}

/**
 * Digests of the memory pages of a dump, taken while CRIU still writes them, chunk by chunk behind its back: once it is done,
 * nearly nothing is left to digest. One core at most, for CRIU needs the other.
 */
export class DigestsAhead {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #files = new Map<string, Followed>();
  readonly #ended = new AbortController();
  #following: Promise<void> | undefined;

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /** Begins; the directory need not exist yet. */
  start(): void {
    this.#following ??= this.#follow();
  }

  /** Call when the dump is complete or has failed: what is digested by then counts. Idempotent, never throws. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#following;
    for (const [path, file] of this.#files) {
      if (file.state !== undefined) continue;
      try {
        file.state = await file.handle.stat({ bigint: true });
      } catch {
        this.#files.delete(path); // then it is digested as if it had not been followed
      }
      await file.handle.close();
    }
  }

  /** Digests of the file's whole chunks from its beginning on; none when it is not as it was at {@link stop}. */
  chunkDigests(path: string, now: FileState): readonly Uint8Array[] {
    const known = this.#files.get(path);
    const { state } = known ?? {};
    if (known === undefined || state === undefined) return [];
    return state.ino === now.ino && state.size === now.size && state.mtimeNs === now.mtimeNs ? known.chunkDigests : [];
  }

  async #follow(): Promise<void> {
    const buffer = new Uint8Array(CHUNK_BYTES);
    try {
      while (!this.#ended.signal.aborted) {
        await this.#open();
        let advanced = false;
        for (const file of this.#files.values()) advanced = (await this.#advance(file, buffer)) || advanced;
        if (!advanced) await this.#clock.sleep(POLL_MILLISECONDS, this.#ended.signal);
      }
    } catch {
      // Ended in its sleep, or the files cannot be read: whoever seals reads them again, and says what is wrong with them.
    }
  }

  async #open(): Promise<void> {
    const paths = await readdir(this.#directory, { recursive: true }).catch(() => []);
    for (const path of paths) {
      if (!PAGES_FILE.test(path) || this.#files.has(path)) continue;
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      this.#files.set(path, { handle: await open(join(this.#directory, path), flags), chunkDigests: [] });
    }
  }

  /** Digests the next chunk that is there in full; false when there is none yet. */
  async #advance({ handle, chunkDigests }: Followed, buffer: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const position = chunkDigests.length * CHUNK_BYTES;
    if ((await handle.stat()).size < position + CHUNK_BYTES) return false;
    for (let filled = 0; filled < CHUNK_BYTES; ) {
      const { bytesRead } = await handle.read(buffer, filled, CHUNK_BYTES - filled, position + filled);
      if (bytesRead === 0) return false;
      filled += bytesRead;
    }
    chunkDigests.push(await sha256(buffer));
    return true;
  }
}

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (bytes.length <= HASH_IN_PLACE_BYTES) return hash('sha256', bytes, 'buffer');
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes));
}
