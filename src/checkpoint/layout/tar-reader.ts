import { isSafePath } from '../safe-path.ts';
import { archiveRefused } from './errors.ts';
import { BLOCK, decodeHeader, decodePax, padding } from './tar-header.ts';

export interface TarLimits {
  /** Of files and folders. Default 100,000. */
  entries: number;
  /** Of all files together. Default: 16 TiB, so that only numbers meant to do harm are refused. */
  totalBytes: number;
}

export const TAR_LIMITS: TarLimits = { entries: 100_000, totalBytes: 16 * 1024 ** 4 };

/** Extended headers and long names: a path has up to 4096 bytes, and Podman writes no attributes of more than a few. */
const EXTENDED_MAX_BYTES = 64 * 1024;

export interface TarEntry {
  /** Relative and safe to be joined to a folder: see {@link isSafePath}. */
  path: string;
  kind: 'file' | 'directory';
  sizeBytes: number;
  /** To be read to its end, or left, before the next entry is asked for. */
  body: AsyncIterable<Uint8Array>;
}

/**
 * The entries of an archive of unknown origin, one after the other, in bounded memory. Refused, with FermataError
 * `ArchiveRefused`: names that lead out, or twice the same; links, devices, sparse files; headers that are damaged or too large; an
 * archive that ends before its end mark.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  limits: TarLimits = TAR_LIMITS,
): AsyncGenerator<TarEntry, void> {
  const input = new BlockReader(source);
  const seen = new Set<string>();
  const [folders, files] = [new Set<string>(), new Set<string>()];
  let totalBytes = 0;
  let extended = new Map<string, string>();
  try {
    for (;;) {
      const header = decodeHeader(await input.exactly(BLOCK));
      if (header === undefined) return;
      if (header.kind === 'pax' || header.kind === 'global-pax' || header.kind === 'long-name') {
        if (header.sizeBytes > EXTENDED_MAX_BYTES) throw archiveRefused(`a header has ${header.sizeBytes} bytes`);
        const body = await input.exactly(header.sizeBytes);
        await input.exactly(padding(header.sizeBytes));
        if (header.kind === 'long-name') extended.set('path', body.toString('utf8').replace(/\0+$/, ''));
        else if (header.kind === 'pax') for (const [key, value] of decodePax(body)) extended.set(key, value);
        continue;
      }
      const path = cleaned(extended.get('path') ?? header.name);
      if (header.kind !== 'file' && header.kind !== 'directory') {
        throw archiveRefused(
          `${quoted(path)} is a ${header.kind === 'unknown' ? 'thing of unknown kind' : header.kind}`,
        );
      }
      if ([...extended.keys()].some((key) => key.startsWith('GNU.sparse'))) {
        throw archiveRefused(`${quoted(path)} is a sparse file`);
      }
      const sizeBytes = header.kind === 'directory' ? 0 : sizeOf(extended.get('size'), header.sizeBytes);
      extended = new Map();
      if (path === '.' && header.kind === 'directory') continue;
      if (!isSafePath(path)) throw archiveRefused(`${quoted(path)} leads out of it`);
      if (seen.has(path)) throw archiveRefused(`${quoted(path)} is in it twice`);
      const both = checkTree(path, header.kind, folders, files);
      if (both !== undefined) throw archiveRefused(`${quoted(both)} is a file and a folder`);
      if (seen.size >= limits.entries) throw archiveRefused(`it has more than ${limits.entries} entries`);
      seen.add(path);
      totalBytes += sizeBytes;
      if (totalBytes > limits.totalBytes) throw archiveRefused(`it unpacks to more than ${limits.totalBytes} bytes`);
      const body = new EntryBody(input, sizeBytes);
      yield { path, kind: header.kind, sizeBytes, body };
      await body.skip();
      await input.skip(padding(sizeBytes));
    }
  } finally {
    await input.close();
  }
}

/** Notes the entry and the folders it lies in; the path that then would be both a file and a folder. */
function checkTree(path: string, kind: TarEntry['kind'], folders: Set<string>, files: Set<string>): string | undefined {
  (kind === 'file' ? files : folders).add(path);
  if (kind === 'file' && folders.has(path)) return path;
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const parent = path.slice(0, end);
    if (files.has(parent)) return parent;
    if (folders.has(parent)) break;
    folders.add(parent);
  }
  return undefined;
}

class EntryBody implements AsyncIterable<Uint8Array> {
  readonly #input: BlockReader;
  #left: number;

  constructor(input: BlockReader, sizeBytes: number) {
    this.#input = input;
    this.#left = sizeBytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    while (this.#left > 0) {
      const piece = await this.#input.upTo(this.#left);
      this.#left -= piece.length;
      yield piece;
    }
  }

  async skip(): Promise<void> {
    await this.#input.skip(this.#left);
    this.#left = 0;
  }
}

/** Bytes of a stream in the portions its reader asks for. */
class BlockReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** At least one byte, at most so many. */
  async upTo(length: number): Promise<Uint8Array> {
    while (this.#held.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) throw archiveRefused('it ends before its end');
      this.#held = next.value;
    }
    const piece = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(piece.length);
    return piece;
  }

  async exactly(length: number): Promise<Buffer> {
    const result = Buffer.alloc(length);
    for (let filled = 0; filled < length; ) {
      const piece = await this.upTo(length - filled);
      result.set(piece, filled);
      filled += piece.length;
    }
    return result;
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) left -= (await this.upTo(left)).length;
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}

/** As tools write them: `./a/b`, and folders with a slash behind. */
function cleaned(name: string): string {
  const inner = name.replace(/^(?:\.\/)+/, '').replace(/\/$/, '');
  return inner === '' && name !== '' && !name.startsWith('/') ? '.' : inner;
}

function sizeOf(extended: string | undefined, size: number): number {
  if (extended === undefined) return size;
  if (!/^\d{1,16}$/.test(extended)) throw archiveRefused('a size is no number');
  return Number(extended);
}

function quoted(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
}
