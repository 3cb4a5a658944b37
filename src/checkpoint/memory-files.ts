import type { CheckpointEntry, CheckpointFiles } from './checkpoint-files.ts';
import { digestOfBytes } from './content-digest.ts';
import { corrupt, exists, missing } from './errors.ts';

/**
 * Checkpoint directories in memory, for runs in virtual time: every method settles within microtasks, so that a run
 * depends on nothing but its seed.
 */
export class MemoryFiles implements CheckpointFiles {
  /** Directory → path of a file → its bytes. */
  readonly #directories = new Map<string, Map<string, Uint8Array>>();

  /** The directories that exist, sorted: empty when nothing was left over. */
  directories(): string[] {
    return [...this.#directories.keys()].sort();
  }

  async makeDirectory(directory: string): Promise<void> {
    if (this.#directories.has(directory)) throw exists(directory);
    this.#directories.set(directory, new Map());
  }

  async list(directory: string): Promise<CheckpointEntry[] | undefined> {
    const files = this.#directories.get(directory);
    if (files === undefined) return undefined;
    const entries: CheckpointEntry[] = [];
    const folders = new Set<string>();
    for (const [path, bytes] of files) {
      entries.push({ path, kind: 'file', sizeBytes: bytes.length });
      for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
        folders.add(path.slice(0, slash));
      }
    }
    for (const path of folders) entries.push({ path, kind: 'directory', sizeBytes: 0 });
    return entries.sort((one, other) => (one.path < other.path ? -1 : 1));
  }

  async read(directory: string, path: string, maxBytes: number): Promise<Uint8Array> {
    const bytes = this.#bytes(directory, path);
    if (bytes.length > maxBytes) {
      throw corrupt(directory, path, `it has ${bytes.length} bytes, more than the ${maxBytes} it may have`);
    }
    return bytes;
  }

  async write(directory: string, path: string, bytes: Uint8Array): Promise<void> {
    const files = this.#directories.get(directory) ?? new Map<string, Uint8Array>();
    this.#directories.set(directory, files);
    files.set(path, bytes.slice());
  }

  async digests(
    directory: string,
    files: readonly { path: string; sizeBytes: number }[],
    signal?: AbortSignal,
  ): Promise<string[]> {
    signal?.throwIfAborted();
    return files.map(({ path, sizeBytes }) => {
      const bytes = this.#bytes(directory, path);
      if (bytes.length !== sizeBytes) {
        throw corrupt(directory, path, `it has ${bytes.length} bytes, not ${sizeBytes}`);
      }
      return digestOfBytes(bytes);
    });
  }

  async flush(_directory: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
  }

  async remove(directory: string): Promise<void> {
    this.#directories.delete(directory);
  }

  async rename(from: string, to: string): Promise<void> {
    const files = this.#directories.get(from);
    if (files === undefined) throw missing(from, '.');
    if (this.#directories.has(to)) throw exists(to);
    this.#directories.delete(from);
    this.#directories.set(to, files);
  }

  #bytes(directory: string, path: string): Uint8Array {
    const bytes = this.#directories.get(directory)?.get(path);
    if (bytes === undefined) throw missing(directory, path);
    return bytes;
  }
}
