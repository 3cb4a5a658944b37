import { BLOCK, encodeHeader, padding } from './tar-header.ts';

export interface TarSource {
  /** Relative, with `/`. */
  path: string;
  kind: 'file' | 'directory';
  sizeBytes: number;
  /** Called for files, when it is their turn. */
  open?: () => AsyncIterable<Uint8Array>;
}

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** The bytes of a tar archive. Throws RangeError when a file is not as long as it was said to be. */
export async function* writeTar(
  entries: Iterable<TarSource> | AsyncIterable<TarSource>,
): AsyncGenerator<Uint8Array, void> {
  for await (const { path, kind, sizeBytes, open } of entries) {
    if (kind === 'directory') {
      yield encodeHeader({ name: `${path}/`, kind, mode: DIRECTORY_MODE, sizeBytes: 0 });
      continue;
    }
    yield encodeHeader({ name: path, kind, mode: FILE_MODE, sizeBytes });
    let written = 0;
    for await (const piece of open?.() ?? []) {
      written += piece.length;
      if (written > sizeBytes) break;
      yield piece;
    }
    if (written !== sizeBytes) throw new RangeError(`${path} has other than ${sizeBytes} bytes`);
    yield Buffer.alloc(padding(sizeBytes));
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** How many bytes {@link writeTar} makes of these. */
export function tarBytes(entries: Iterable<TarSource>): number {
  let total = 2 * BLOCK;
  for (const { path, kind, sizeBytes } of entries) {
    const name = kind === 'directory' ? `${path}/` : path;
    total += encodeHeader({ name, kind, mode: 0, sizeBytes }).length + sizeBytes + padding(sizeBytes);
  }
  return total;
}
