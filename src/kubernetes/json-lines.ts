import { ApiError } from './api-error.ts';

/** etcd refuses objects over 1.5 MiB, and a watch event is one object; more than this is no watch event. */
const LINE_LIMIT_BYTES = 16 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * The JSON documents of a stream that has one on each line, however the bytes are cut into chunks. Throws ApiError when
 * a line is no JSON or is too long, and when the stream ends within one.
 */
export async function* jsonLines(
  chunks: AsyncIterable<Uint8Array>,
  limitBytes: number = LINE_LIMIT_BYTES,
): AsyncGenerator<unknown, void, undefined> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end));
      start = end + 1;
      const line = textOf(parts);
      parts = [];
      length = 0;
      if (line.trim() !== '') yield parsed(line);
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > limitBytes) {
      throw new ApiError('Unknown', `the server sent a watch event of more than ${limitBytes} bytes`);
    }
  }
  if (textOf(parts).trim() !== '') {
    throw new ApiError('ServiceUnavailable', 'the connection was cut in the middle of a watch event', { status: 0 });
  }
}

function textOf(parts: readonly Uint8Array[]): string {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined)
    return Buffer.from(only.buffer, only.byteOffset, only.length).toString();
  return Buffer.concat(parts).toString();
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new ApiError('Unknown', `the server sent a watch event that is no JSON: ${line.slice(0, 80)}`, {
      cause: error,
    });
  }
}
