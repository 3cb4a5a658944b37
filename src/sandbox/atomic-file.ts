import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';

/**
 * Puts `content` at `path` whole or not at all: a reader, or a start after a crash, sees the old file or the new one.
 * @param mode permission bits, given before the first byte is written; default 0600
 */
export function writeAtomically(path: string, content: string, mode = 0o600): void {
  // A start that changes nothing need not wait for the disk.
  if (holds(path, content, mode)) return;
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  const file = openSync(temporary, 'wx', mode);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

function holds(path: string, content: string, mode: number): boolean {
  try {
    return readFileSync(path, 'utf8') === content && (statSync(path).mode & 0o777) === mode;
  } catch {
    return false; // not there, or not readable: then it is written
  }
}
