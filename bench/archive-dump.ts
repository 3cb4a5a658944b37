import { randomFillSync } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../src/clock/index.ts';

const PAGE_BYTES = 4096;
const BLOCK_PAGES = 1024;

/**
 * Memory as CRIU dumps it, for measuring: of ten pages four of chance, four of short repeating texts, one of zeros, one that occurs often.
 * Pages are all different but for the last two kinds.
 */
export function writeDump(directory: string, bytes: number): void {
  mkdirSync(directory, { recursive: true });
  const file = openSync(join(directory, 'pages-1.img'), 'w');
  const block = Buffer.alloc(BLOCK_PAGES * PAGE_BYTES);
  for (let written = 0; written < bytes; written += block.length) {
    for (let page = 0; page < BLOCK_PAGES; page++) {
      const at = block.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
      const kind = page % 10;
      if (kind < 4) randomFillSync(at);
      else if (kind < 8) at.fill(`entry ${written / PAGE_BYTES + page}: value of a heap `);
      else at.fill(kind === 8 ? 0 : 0x5a);
    }
    writeSync(file, block, 0, Math.min(block.length, bytes - written));
  }
  closeSync(file);
}

/** The same with that share of the pages new, scattered. */
export function writeChanged(from: string, to: string, bytes: number, share: number): void {
  mkdirSync(to, { recursive: true });
  const random = seededRandom(5);
  const source = openSync(join(from, 'pages-1.img'), 'r');
  const target = openSync(join(to, 'pages-1.img'), 'w');
  const block = Buffer.alloc(BLOCK_PAGES * PAGE_BYTES);
  for (let written = 0; written < bytes; ) {
    const count = readSync(source, block, 0, Math.min(block.length, bytes - written), written);
    for (let page = 0; page * PAGE_BYTES < count; page++) {
      if (random() < share) randomFillSync(block, page * PAGE_BYTES, PAGE_BYTES);
    }
    writeSync(target, block, 0, count);
    written += count;
  }
  closeSync(source);
  closeSync(target);
}
