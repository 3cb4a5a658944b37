import { type FileHandle, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CHUNK_BYTES, contentDigest } from './content-digest.ts';
import { digestThreads } from './digest-threads.ts';
import { digestsOnDisk, openRegular } from './disk-digests.ts';

/** CRIU's images of memory: nearly all bytes of a dump are in these. */
const PAGES_FILE = /(^|\/)pages-\d+\.img$/;

/** What tells a file from another, and from itself before it was changed. */
interface FileState {
  ino: bigint;
  size: bigint;
  mtimeNs: bigint;
}

export interface AheadOptions {
  signal?: AbortSignal;
  /** Waits until it is worth looking whether CRIU has written more: some milliseconds. */
  pause: () => Promise<void>;
}

/** A file of pages that CRIU still adds to. */
interface GrowingFile {
  handle: FileHandle;
  chunkDigests: Uint8Array[];
}

/**
 * Digests of the memory pages of a dump, taken while CRIU writes it. CRIU only ever adds to a file of pages, so what is
 * written is final, and the dump itself is the one thing that is never to wait: as long as CRIU runs one thread follows it, on
 * a core that CRIU does not use; all join in once it has ended.
 */
export class DigestsAhead {
  readonly #directory: string;
  readonly #options: AheadOptions;
  readonly #growing = new Map<string, GrowingFile>();
  readonly #digests = new Map<string, { state: FileState; digest: string }>();
  readonly #completed = Promise.withResolvers<void>();
  readonly #work: Promise<void>;
  #complete = false;
  #abandoned = false;

  /** Begins at once; the directory need not be there yet. */
  constructor(directory: string, options: AheadOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#work = this.#run().catch(() => {}); // whoever seals reads the files again, and says what is wrong
  }

  /** CRIU has ended: no file will grow any more. */
  complete(): void {
    this.#complete = true;
    this.#completed.resolve();
  }

  /** The dump failed: what it left is looked at no longer. */
  abandon(): void {
    this.#abandoned = true;
    this.complete();
  }

  /** Of the whole dump; waits until {@link complete} was called and what is under way is done. Undefined: not known, or of a file that was changed since. */
  async digestOf(path: string): Promise<string | undefined> {
    await this.#work;
    const known = this.#digests.get(path);
    if (known === undefined) return undefined;
    const now = await this.#stateOf(path);
    const { ino, size, mtimeNs } = known.state;
    return now.ino === ino && now.size === size && now.mtimeNs === mtimeNs ? known.digest : undefined;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#complete) {
        this.#options.signal?.throwIfAborted();
        if (!(await this.#follow())) await Promise.race([this.#options.pause(), this.#completed.promise]);
      }
      if (!this.#abandoned) await this.#finish();
    } finally {
      for (const { handle } of this.#growing.values()) await handle.close();
    }
  }

  /** Digests what is there in whole chunks; false when there was nothing new. */
  async #follow(): Promise<boolean> {
    let found = false;
    for (const path of await this.#pageFiles()) {
      const { size } = await stat(join(this.#directory, path));
      while (!this.#complete) {
        const position = (this.#growing.get(path)?.chunkDigests.length ?? 0) * CHUNK_BYTES;
        if (position + CHUNK_BYTES > size) break;
        const { handle, chunkDigests } = await this.#open(path);
        chunkDigests.push(await digestChunk(handle, position, CHUNK_BYTES));
        found = true;
      }
    }
    return found;
  }

  async #finish(): Promise<void> {
    const paths = await this.#pageFiles();
    const states = new Map(await Promise.all(paths.map(async (path) => [path, await this.#stateOf(path)] as const)));
    const whole = paths.filter((path) => !this.#growing.has(path));
    const files = whole.map((path) => ({ path, sizeBytes: Number(states.get(path)?.size) }));
    const followed = [...this.#growing].map(async ([path, { handle, chunkDigests }]) => {
      const size = Number(states.get(path)?.size);
      const rest: Promise<Uint8Array>[] = [];
      for (let position = chunkDigests.length * CHUNK_BYTES; position < size; position += CHUNK_BYTES)
        rest.push(digestChunk(handle, position, Math.min(CHUNK_BYTES, size - position)));
      this.#note(path, states, contentDigest([...chunkDigests, ...(await Promise.all(rest))]));
    });
    const others = digestsOnDisk(this.#directory, files, this.#options.signal).then((digests) => {
      for (const [index, path] of whole.entries()) this.#note(path, states, digests[index]);
    });
    const results = await Promise.allSettled([...followed, others]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  #note(path: string, states: ReadonlyMap<string, FileState>, digest: string | undefined): void {
    const state = states.get(path);
    if (state !== undefined && digest !== undefined) this.#digests.set(path, { state, digest });
  }

  async #open(path: string): Promise<GrowingFile> {
    const known = this.#growing.get(path);
    if (known !== undefined) return known;
    const file = { handle: await openRegular(this.#directory, path), chunkDigests: [] };
    this.#growing.set(path, file);
    return file;
  }

  async #pageFiles(): Promise<string[]> {
    try {
      return (await readdir(this.#directory, { recursive: true })).filter((path) => PAGES_FILE.test(path));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  #stateOf(path: string): Promise<FileState> {
    return stat(join(this.#directory, path), { bigint: true });
  }
}

async function digestChunk(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const digest = await digestThreads.digest({ descriptor: handle.fd, position, length });
  if (digest === undefined) throw new RangeError('a file of pages became shorter');
  return digest;
}
