import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { FermataError, reasonOf } from '../../model/index.ts';

/** A line that is longer is no line of a trace: it is cut here, the rest of it is skipped. */
const LONGEST_LINE = 65_536;

/** A line of a trace file. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** It was longer than {@link LONGEST_LINE} and is cut. */
  readonly tooLong?: boolean;
}

/**
 * The lines of a file, plain or gzip (told by its first bytes, not its name), without ever holding more than a piece of it.
 * Throws `TraceUnreadable` where the file cannot be opened or its compression is broken.
 */
export async function* linesOf(path: string, signal?: AbortSignal): AsyncGenerator<Line[]> {
  let input: Readable | undefined;
  try {
    const isGzip = await startsAsGzip(path);
    const file = createReadStream(path, { ...(signal === undefined ? {} : { signal }), highWaterMark: 1 << 18 });
    input = file;
    if (isGzip) {
      const gunzip = createGunzip();
      file.once('error', (error) => gunzip.destroy(error));
      input = file.pipe(gunzip);
    }
    input.setEncoding('latin1');
    yield* split(input as AsyncIterable<string>);
  } catch (error) {
    signal?.throwIfAborted();
    throw new FermataError('TraceUnreadable', `trace ${path} could not be read to its end: ${reasonOf(error)}`, {
      cause: error,
      nextStep: 'See whether the file is there and complete; a gzip file that was cut off cannot be used.',
    });
  } finally {
    input?.destroy();
  }
}

async function startsAsGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}

/** Lines in batches, one a piece of input: a generator that yields each by itself costs more than reading them. */
async function* split(input: AsyncIterable<string>): AsyncGenerator<Line[]> {
  let number = 1;
  let begun = '';
  let tooLong = false;
  for await (const piece of input) {
    const lines: Line[] = [];
    let from = 0;
    for (let end = piece.indexOf('\n'); end !== -1; end = piece.indexOf('\n', from)) {
      const text = begun + piece.slice(from, end);
      lines.push(line(number++, text, tooLong));
      begun = '';
      tooLong = false;
      from = end + 1;
    }
    if (begun.length < LONGEST_LINE) begun += piece.slice(from, from + LONGEST_LINE);
    else tooLong = true;
    if (lines.length > 0) yield lines;
  }
  if (begun !== '') yield [line(number, begun, tooLong)];
}

function line(number: number, text: string, tooLong: boolean): Line {
  if (tooLong || text.length > LONGEST_LINE) return { number, text: text.slice(0, LONGEST_LINE), tooLong: true };
  return { number, text: text.endsWith('\r') ? text.slice(0, -1) : text };
}
