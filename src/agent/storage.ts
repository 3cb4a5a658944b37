import type { CheckpointFiles, Disk, MemoryFiles } from '../checkpoint/index.ts';

/** Where one node keeps its checkpoints, and what an agent does with whole folders there. All paths are absolute. */
export interface CheckpointStorage {
  readonly files: CheckpointFiles;
  /** Makes the folder (0700) and those above it, where they are missing. */
  ensure(directory: string): Promise<void>;
  /** Bytes that can still be written to the disk that holds `directory` (which exists); undefined when there is no limit. */
  freeBytes(directory: string): Promise<number | undefined>;
  /** The disk that holds `directory` (which exists); undefined when there is none. */
  disk(directory: string): Promise<Disk | undefined>;
  /** Names of the folders right below `directory`; none when it does not exist. */
  folders(directory: string): Promise<string[]>;
  /** Copies a sealed checkpoint. It appears at `to` whole or not at all; what an earlier try left is replaced. */
  copy(from: string, to: string, signal: AbortSignal): Promise<void>;
  /** Bytes that {@link packVolume} would write, about; 0 when there is no such folder. */
  volumeBytes(folder: string): Promise<number>;
  /** Puts the content of a volume's folder, with owners, modes and links, into `<checkpoint>/volumes/<volume>.tar`. */
  packVolume(folder: string, checkpoint: string, volume: string, signal: AbortSignal): Promise<void>;
  /** Makes `folder` hold exactly what {@link packVolume} put away; nothing happens when nothing was. */
  unpackVolume(checkpoint: string, volume: string, folder: string, signal: AbortSignal): Promise<void>;
}

/** Half-copied checkpoints carry this behind their name. */
export const COPY_SUFFIX = '.copying';

export function volumeArchive(volume: string): string {
  return `volumes/${volume}.tar`;
}

/** Checkpoints in memory, for runs in virtual time; volumes there have no content. */
export class MemoryStorage implements CheckpointStorage {
  readonly files: MemoryFiles;
  /** For tests of a full disk. */
  limitBytes: number | undefined;

  constructor(files: MemoryFiles) {
    this.files = files;
  }

  async ensure(): Promise<void> {}

  async freeBytes(): Promise<number | undefined> {
    return this.limitBytes;
  }

  async disk(): Promise<Disk | undefined> {
    return undefined;
  }

  async folders(directory: string): Promise<string[]> {
    const prefix = `${directory}/`;
    const below = this.files.directories().filter((path) => path.startsWith(prefix));
    return [...new Set(below.map((path) => path.slice(prefix.length).split('/')[0] ?? ''))].sort();
  }

  async copy(from: string, to: string): Promise<void> {
    await this.files.remove(to);
    for (const entry of (await this.files.list(from)) ?? []) {
      if (entry.kind !== 'file') continue;
      await this.files.write(to, entry.path, await this.files.read(from, entry.path, Number.MAX_SAFE_INTEGER));
    }
  }

  async volumeBytes(): Promise<number> {
    return 0;
  }

  async packVolume(): Promise<void> {}

  async unpackVolume(): Promise<void> {}
}
