import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerDump } from '../runtime.ts';

type DumpTimes = Pick<
  ContainerDump,
  'freezingMicroseconds' | 'frozenMicroseconds' | 'memdumpMicroseconds' | 'memwriteMicroseconds'
>;

/** Two magic numbers and the length stand before the message. */
const PREFIX_BYTES = 12;

/** CRIU's own statistics of a dump (`stats-dump`, message `stats_entry` of CRIU's stats.proto). */
export async function readDumpTimes(directory: string): Promise<DumpTimes> {
  const data = await readFile(join(directory, 'stats-dump'));
  const outer = fields(data.subarray(PREFIX_BYTES));
  const message = outer.get(1);
  const entry = message instanceof Uint8Array ? fields(message) : new Map<number, number | Uint8Array>();
  const time = (number: number): number => {
    const value = entry.get(number);
    return typeof value === 'number' ? value : 0;
  };
  return {
    freezingMicroseconds: time(1),
    frozenMicroseconds: time(2),
    memdumpMicroseconds: time(3),
    memwriteMicroseconds: time(4),
  };
}

/** Top-level varints and length-delimited fields of a protocol buffer message, the last of each number. */
function fields(data: Uint8Array): Map<number, number | Uint8Array> {
  const found = new Map<number, number | Uint8Array>();
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; position < data.length; shift += 7) {
      const byte = data[position++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (position < data.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    if (key % 8 === 0) found.set(number, varint());
    else if (key % 8 === 2) {
      const length = varint();
      found.set(number, data.subarray(position, position + length));
      position += length;
    } else break; // CRIU's statistics hold no other kinds
  }
  return found;
}
