import { readFile } from 'node:fs/promises';
import { runCommand } from './command.ts';

/** Detaches every mount at or below a folder, the innermost first. */
export async function detachMountsBelow(folder: string): Promise<void> {
  for (const path of (await mountPoints())
    .filter((path) => path === folder || path.startsWith(`${folder}/`))
    .reverse()) {
    await runCommand('umount', ['-l', path]);
  }
}

/** Mount points of this process, in the order they were made. */
async function mountPoints(): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).trimEnd().split('\n');
  return lines.flatMap((line) => {
    const path = line.split(' ')[4];
    // The kernel writes blanks and the like as octal.
    return path === undefined
      ? []
      : [path.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)))];
  });
}
