import type { DumpStatistics } from '../../checkpoint/index.ts';

/** Magic numbers of CRIU's images (criu/include/magic.h); each image starts with the common one, then its own. */
const COMMON_MAGIC = 0x54564319;
const SERVICE_MAGIC = 0x55105940;
const INVENTORY_MAGIC = 0x58313116;
const PSTREE_MAGIC = 0x50273030;
const PAGEMAP_MAGIC = 0x56084025;
const CORE_MAGIC = 0x55053847;
const STATS_MAGIC = 0x57093306;

const PAGE_PRESENT = 4;

/**
 * Images of one process with PID 1, in CRIU's own formats though with next to nothing in them, so that whatever examines
 * a dump before it is sealed examines the simulated one as well.
 */
export function criuImages(pages: Uint8Array, pageBytes: number, statistics: DumpStatistics): Map<string, Uint8Array> {
  const pageCount = pages.length / pageBytes;
  return new Map([
    ['inventory.img', image([INVENTORY_MAGIC], [message([1, 2])])],
    ['pstree.img', image([COMMON_MAGIC, PSTREE_MAGIC], [message([1, 1], [2, 0], [3, 1], [4, 1], [5, 1])])],
    ['core-1.img', image([COMMON_MAGIC, CORE_MAGIC], [message([1, 1])])],
    [
      'pagemap-1.img',
      image(
        [COMMON_MAGIC, PAGEMAP_MAGIC],
        [message([1, 1]), message([1, 0x400000], [2, pageCount], [4, PAGE_PRESENT])],
      ),
    ],
    ['pages-1.img', pages],
    ['stats-dump', image([SERVICE_MAGIC, STATS_MAGIC], [nested(1, dumpStatistics(statistics))])],
  ]);
}

function dumpStatistics(statistics: DumpStatistics): Uint8Array {
  return message(
    [1, statistics.freezingMicroseconds],
    [2, statistics.frozenMicroseconds],
    [3, statistics.memdumpMicroseconds],
    [4, statistics.memwriteMicroseconds],
    [5, statistics.pagesScanned],
    [6, statistics.pagesSkippedParent],
    [7, statistics.pagesWritten],
    [8, 0],
  );
}

/** Magics, then each entry with its length in front, all little-endian. */
function image(magics: readonly number[], entries: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const magic of magics) parts.push(littleEndian(magic));
  for (const entry of entries) parts.push(littleEndian(entry.length), entry);
  return Buffer.concat(parts);
}

function littleEndian(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A protobuf message of varint fields. */
function message(...fields: readonly (readonly [field: number, value: number])[]): Uint8Array {
  const bytes: number[] = [];
  for (const [field, value] of fields) bytes.push(...varint(field * 8), ...varint(value));
  return Uint8Array.from(bytes);
}

function nested(field: number, content: Uint8Array): Uint8Array {
  return Uint8Array.from([...varint(field * 8 + 2), ...varint(content.length), ...content]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = Math.max(0, Math.floor(value));
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}
