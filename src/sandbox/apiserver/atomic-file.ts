import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';

/**
 * Puts `content` at `path` whole or not at all: a reader, or a start after a crash, sees the old file or the new one.
 * @param mode permission bits, given before the first byte is written; default 0600
 */
export async function writeFileAtomically(path: string, content: string, mode = 0o600): Promise<void> {
  // A start that changes nothing need not wait for the disk.
  if (await holds(path, content, mode)) return;
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await file.close();
  await rename(temporary, path);
}

async function holds(path: string, content: string, mode: number): Promise<boolean> {
  try {
    return (await readFile(path, 'utf8')) === content && ((await stat(path)).mode & 0o777) === mode;
  } catch {
    return false; // not there, or not readable: then it is written
  }
}
