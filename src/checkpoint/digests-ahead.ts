import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointEntry } from './checkpoint-files.ts';

/** CRIU's images of memory: nearly all bytes of a dump are in these. */
const PAGES_FILE = /(^|\/)pages-\d+\.img$/;

/** What tells a file from another, and from itself before it was changed. */
export interface FileState {
  ino: bigint;
  size: bigint;
  mtimeNs: bigint;
}

/**
 * Digests of the memory pages of a dump that CRIU has just ended, taken while its processes are ended and the rest of it is
 * gathered. Not before: digesting behind CRIU's back while it writes makes the dump itself, and with it the time the processes
 * stand still, a quarter longer.
 */
export class DigestsAhead {
  readonly #directory: string;
  readonly #digests = new Map<string, { state: FileState; digest: string }>();
  readonly #work: Promise<void>;

  /** Begins at once. `list` and `digest` as in `CheckpointFiles`. */
  constructor(
    directory: string,
    list: () => Promise<CheckpointEntry[] | undefined>,
    digest: (files: readonly CheckpointEntry[]) => Promise<string[]>,
  ) {
    this.#directory = directory;
    this.#work = this.#run(list, digest).catch(() => {}); // whoever seals reads the files again, and says what is wrong
  }

  /** The digest of a file, if it was digested and is as it was before that; waits for what is under way. */
  async digestOf(path: string): Promise<string | undefined> {
    await this.#work;
    const known = this.#digests.get(path);
    if (known === undefined) return undefined;
    const now = await this.#stateOf(path);
    const { ino, size, mtimeNs } = known.state;
    return now.ino === ino && now.size === size && now.mtimeNs === mtimeNs ? known.digest : undefined;
  }

  async #run(
    list: () => Promise<CheckpointEntry[] | undefined>,
    digest: (files: readonly CheckpointEntry[]) => Promise<string[]>,
  ): Promise<void> {
    const pages = ((await list()) ?? []).filter(({ path, kind }) => kind === 'file' && PAGES_FILE.test(path));
    const states = await Promise.all(pages.map(({ path }) => this.#stateOf(path)));
    const digests = await digest(pages);
    for (const [index, { path }] of pages.entries()) {
      const state = states[index];
      const known = digests[index];
      if (state !== undefined && known !== undefined) this.#digests.set(path, { state, digest: known });
    }
  }

  #stateOf(path: string): Promise<FileState> {
    return stat(join(this.#directory, path), { bigint: true });
  }
}
