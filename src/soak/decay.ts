import type { MemoryFiles } from '../checkpoint/index.ts';
import type { Chance } from './chance.ts';

/** Bit rot: one bit of a file is no longer what it was. False: there is no such file any more, or nothing in it. */
export async function flipBit(files: MemoryFiles, directory: string, path: string, chance: Chance): Promise<boolean> {
  if ((await files.list(directory))?.some((entry) => entry.path === path) !== true) return false;
  // A copy of its own: other places may hold the same bytes.
  const bytes = new Uint8Array(await files.read(directory, path, Number.MAX_SAFE_INTEGER));
  if (bytes.length === 0) return false;
  const place = chance.integer(0, bytes.length - 1);
  bytes[place] = (bytes[place] ?? 0) ^ (1 << chance.integer(0, 7));
  await files.write(directory, path, bytes);
  return true;
}
