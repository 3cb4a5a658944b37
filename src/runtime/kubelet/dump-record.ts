import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Written last: its presence means that the dump is complete. */
const RECORD = 'pod.dump';

export interface DumpRecord {
  podUid: string;
  /** Name → id. */
  containers: Record<string, string>;
  /** The kubelet's own `PodCheckpoint` holds the data. */
  upstream?: true;
}

export async function writeRecord(directory: string, record: DumpRecord): Promise<void> {
  await writeFile(join(directory, `${RECORD}.new`), JSON.stringify(record), { mode: 0o600 });
  await rename(join(directory, `${RECORD}.new`), join(directory, RECORD));
}

export async function readRecord(directory: string): Promise<DumpRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, RECORD), 'utf8')) as DumpRecord;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function removeRecord(directory: string): Promise<void> {
  await rm(join(directory, RECORD), { force: true });
}
