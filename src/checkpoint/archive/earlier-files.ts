import type { FileHandle } from 'node:fs/promises';
import { FermataError } from '../../model/index.ts';
import { openRegular } from '../disk-digests.ts';
import { type ArchiveFile, RunCursor } from './contents.ts';
import type { SourceFile } from './source-files.ts';

/** A file of an older checkpoint, and where its chunks lie in the store. */
export interface EarlierFile {
  handle: FileHandle;
  places: RunCursor;
}

/**
 * The files of the archive that a new one is based on, where they still lie on this node: a page that is the same there is known by
 * looking, twenty times as fast as by its digest.
 */
export class EarlierFiles {
  readonly #directory: string;
  readonly #files: ReadonlyMap<string, ArchiveFile>;

  /** `files`: of the archive; their runs number its records as the new one's upload does. */
  constructor(directory: string, files: readonly ArchiveFile[]) {
    this.#directory = directory;
    this.#files = new Map(files.map((file) => [file.path, file]));
  }

  /** The file of that name, open; undefined when there is none, or another one than was archived. */
  async open({ path, chunkBytes }: SourceFile): Promise<EarlierFile | undefined> {
    const archived = this.#files.get(path);
    if (archived === undefined || archived.chunkBytes !== chunkBytes) return undefined;
    let handle: FileHandle;
    try {
      handle = await openRegular(this.#directory, path);
    } catch (error) {
      if (error instanceof FermataError) return undefined;
      throw error;
    }
    if ((await handle.stat()).size === archived.sizeBytes) return { handle, places: new RunCursor(archived.runs) };
    await handle.close();
    return undefined;
  }
}
