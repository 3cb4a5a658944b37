import { type FileHandle, open } from 'node:fs/promises';
import type { Clock } from '../../clock/index.ts';
import type { LogOptions } from '../runtime.ts';

const BLOCK_BYTES = 65_536;
const FOLLOW_POLL_MILLISECONDS = 100;

/**
 * The content of a container log in the format of the CRI (`time stream F|P text`): without times and streams, or with the
 * times in front. With `follow` it goes on until `ended` says the container has and everything written was given out.
 */
export async function* readLog(
  path: string,
  options: LogOptions,
  clock: Clock,
  ended: () => Promise<boolean>,
): AsyncGenerator<Uint8Array> {
  let file = await openIfPresent(path);
  let position =
    file !== undefined && options.tailLines !== undefined ? await tailPosition(file, options.tailLines) : 0;
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  let rest = Buffer.alloc(0);
  let over = false;
  let partial = false;
  try {
    while (left > 0) {
      options.signal?.throwIfAborted();
      file ??= await openIfPresent(path);
      const block = Buffer.alloc(BLOCK_BYTES);
      const { bytesRead } = file === undefined ? { bytesRead: 0 } : await file.read(block, 0, BLOCK_BYTES, position);
      if (bytesRead === 0) {
        if (options.follow !== true || over) return;
        // Asked before the last look: what was written up to the end is still read.
        over = await ended();
        if (!over) await clock.sleep(FOLLOW_POLL_MILLISECONDS, options.signal);
        continue;
      }
      position += bytesRead;
      const data = Buffer.concat([rest, block.subarray(0, bytesRead)]);
      const end = data.lastIndexOf(0x0a) + 1;
      rest = Buffer.from(data.subarray(end));
      const chosen: Buffer[] = [];
      for (const line of splitLines(data.subarray(0, end))) {
        const entry = parseLine(line);
        if (entry === undefined || (options.since !== undefined && entry.time < options.since)) continue;
        if (options.timestamps === true && !partial) chosen.push(Buffer.from(`${entry.timestamp} `));
        chosen.push(entry.text);
        if (!entry.partial) chosen.push(NEWLINE);
        partial = entry.partial;
      }
      const output = Buffer.concat(chosen).subarray(0, Math.min(left, Number.MAX_SAFE_INTEGER));
      left -= output.length;
      if (output.length > 0) yield output;
    }
  } finally {
    await file?.close();
  }
}

const NEWLINE = Buffer.from('\n');

interface LogEntry {
  timestamp: string;
  /** ms since the epoch. */
  time: number;
  /** The line goes on in the next entry. */
  partial: boolean;
  text: Buffer;
}

/** Undefined for a line that is not in the format (a torn one after a crash). */
export function parseLine(line: Buffer): LogEntry | undefined {
  const first = line.indexOf(0x20);
  const second = line.indexOf(0x20, first + 1);
  const third = line.indexOf(0x20, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const timestamp = line.toString('latin1', 0, first);
  const tag = line.toString('latin1', second + 1, third);
  const time = Date.parse(timestamp);
  if (Number.isNaN(time) || (tag !== 'F' && tag !== 'P')) return undefined;
  return { timestamp, time, partial: tag === 'P', text: line.subarray(third + 1) };
}

function* splitLines(data: Buffer): Generator<Buffer> {
  let start = 0;
  for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, start)) {
    yield data.subarray(start, end);
    start = end + 1;
  }
}

/** Where the last `lines` whole lines begin, found from the end so that a long log is not read through. */
async function tailPosition(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat();
  let start = size;
  let data = Buffer.alloc(0);
  while (start > 0) {
    const length = Math.min(BLOCK_BYTES, start);
    const block = Buffer.alloc(length);
    await file.read(block, 0, length, start - length);
    start -= length;
    data = Buffer.concat([block, data]);
    const found = tailOffset(data, lines, start === 0);
    if (found !== undefined) return start + found;
  }
  return 0;
}

/** Offset of the last `lines` lines in `data`; undefined when more has to be read. A line's parts (`P`) count as one. */
function tailOffset(data: Buffer, lines: number, whole: boolean): number | undefined {
  const starts: number[] = [];
  let start = whole ? 0 : data.indexOf(0x0a) + 1;
  let begins = true;
  for (let end = data.indexOf(0x0a, start); end >= 0; end = data.indexOf(0x0a, start)) {
    const entry = parseLine(data.subarray(start, end));
    if (begins) starts.push(start);
    begins = entry?.partial !== true;
    start = end + 1;
  }
  if (lines <= 0) return start;
  // One more than asked for, unless at the file's head: the first seen may be the middle of a line.
  if (starts.length > lines || whole) return starts.at(-lines) ?? (whole ? 0 : undefined);
  return undefined;
}

async function openIfPresent(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
