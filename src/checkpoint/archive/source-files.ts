import { type CheckpointEntry, DRAFT_SUFFIX } from '../checkpoint-files.ts';
import { diskFiles } from '../disk-files.ts';
import { corrupt, incomplete } from '../errors.ts';
import { MANIFEST_FILE } from '../manifest-format.ts';
import { FILE_CHUNK_BYTES, PAGE_CHUNK_BYTES } from './constants.ts';

export interface SourceFile {
  path: string;
  sizeBytes: number;
  chunkBytes: number;
}

/**
 * What an archive is made of: all files and folders of a checkpoint's directory. Throws FermataError `CheckpointIncomplete`,
 * `CheckpointCorrupt` (anything that is neither).
 */
export async function sourceFiles(directory: string): Promise<{ directories: string[]; files: SourceFile[] }> {
  const entries: CheckpointEntry[] | undefined = await diskFiles.list(directory);
  if (entries === undefined) throw incomplete(directory, 'there is no such directory');
  const directories: string[] = [];
  const files: SourceFile[] = [];
  for (const { path, kind, sizeBytes } of entries) {
    if (path === `${MANIFEST_FILE}${DRAFT_SUFFIX}`) continue;
    if (kind === 'directory') directories.push(path);
    else if (kind === 'file') files.push({ path, sizeBytes, chunkBytes: chunkBytesOf(path) });
    else throw corrupt(directory, path, 'it is neither a file nor a folder');
  }
  return { directories, files };
}

/** CRIU's images of memory (`pages-1.img`) hold page after page; other files are taken in larger chunks. */
export function chunkBytesOf(path: string): number {
  return /(?:^|\/)pages-[^/]*\.img$/.test(path) ? PAGE_CHUNK_BYTES : FILE_CHUNK_BYTES;
}
