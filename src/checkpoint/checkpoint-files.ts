import type { AheadOptions, DigestsAhead } from './digests-ahead.ts';

/** A write goes to a file of the target's name with this behind it first; a crash can leave one. */
export const DRAFT_SUFFIX = '.partial';

/**
 * Where checkpoint directories lie: a disk, or memory for runs in virtual time. Paths of directories are absolute;
 * paths of entries are relative to their directory, with `/`.
 */
export interface CheckpointFiles {
  /** Makes the directory (0700) and its parents. Throws FermataError `CheckpointExists` when something is there. */
  makeDirectory(directory: string): Promise<void>;
  /** Everything below the directory, sorted by path; undefined when there is no such directory. Follows no symlink. */
  list(directory: string): Promise<CheckpointEntry[] | undefined>;
  /** Throws FermataError `CheckpointIncomplete` when there is no such file, `CheckpointCorrupt` when it is larger than `maxBytes` or no regular file. */
  read(directory: string, path: string, maxBytes: number): Promise<Uint8Array>;
  /** Writes a file (0600) and the folders above it, replacing it in one step: readers see the old bytes or the new. */
  write(directory: string, path: string, bytes: Uint8Array): Promise<void>;
  /**
   * The {@link contentDigest}s of the files, in their order. A file that is not `sizeBytes` long throws FermataError
   * `CheckpointCorrupt`. `onDigested` may be told of the bytes that are done since it was told last.
   */
  digests(
    directory: string,
    files: readonly FileToDigest[],
    signal?: AbortSignal,
    onDigested?: (bytes: number) => void,
  ): Promise<string[]>;
  /** To be called well before the first dump: what digests need takes time to start. Absent where it does not. */
  prepareDigests?(): void;
  /** Begins to digest a dump that is about to be written; absent where digests cost no time. */
  digestsAhead?(directory: string, options: AheadOptions): DigestsAhead;
  /** Returns once everything in the directory is on stable storage. */
  flush(directory: string, signal?: AbortSignal): Promise<void>;
  /** Removes the directory with everything in it; one that is not there is fine. */
  remove(directory: string): Promise<void>;
  /** Throws FermataError `CheckpointExists` when something is at `to`. */
  rename(from: string, to: string): Promise<void>;
}

export interface CheckpointEntry {
  path: string;
  kind: 'file' | 'directory' | 'symlink' | 'other';
  /** 0 for everything but files. */
  sizeBytes: number;
}

export interface FileToDigest {
  path: string;
  sizeBytes: number;
}
