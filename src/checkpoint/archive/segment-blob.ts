import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import type { ArchiveRecord } from './contents.ts';
import { readRecords, writeRecords } from './contents-codec.ts';
import { decrypted, encrypted, type RecordPlace } from './record.ts';

const MAGIC = Buffer.from('FSEG');
/** Bytes of the index, then the magic. */
const TRAILER_BYTES = 8;
/** Of the index: a number that no record of chunks has. */
const INDEX_NUMBER = 0xffffffff;

/** Where a record of chunks belongs. */
export function placeInSegment(tenant: string, segment: string, index: number): RecordPlace {
  return { container: `segment ${tenant}/${segment}`, index, kind: 'chunks' };
}

/**
 * What follows the records in a segment's blob: an index of them, so that an upload that was cut off goes on with what the store has
 * already. Archives do not need it: their manifests hold the same.
 */
export function segmentTrailer(
  tenant: string,
  segment: string,
  records: readonly ArchiveRecord[],
  key: Uint8Array | undefined,
): Uint8Array {
  const writer = new ByteWriter();
  writeRecords(writer, records);
  const raw = writer.take();
  const stored = key === undefined ? raw : Buffer.concat(encrypted(raw, key, indexPlace(tenant, segment)));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(stored.length);
  return Buffer.concat([stored, length, MAGIC]);
}

/** The records of a segment's blob of unknown origin, by its trailer. Throws RangeError. */
export function recordsOfSegment(
  tenant: string,
  segment: string,
  blob: Buffer,
  key: Uint8Array | undefined,
): ArchiveRecord[] {
  const end = blob.length - TRAILER_BYTES;
  if (end < 0 || !blob.subarray(end + 4).equals(MAGIC)) throw new RangeError('it is no segment');
  const storedBytes = blob.readUInt32BE(end);
  if (storedBytes > end) throw new RangeError('its index is cut');
  const stored = blob.subarray(end - storedBytes, end);
  const reader = new ByteReader(key === undefined ? stored : decrypted(stored, key, indexPlace(tenant, segment)));
  const records = readRecords(reader, end - storedBytes);
  reader.end();
  return records;
}

function indexPlace(tenant: string, segment: string): RecordPlace {
  return { container: `segment ${tenant}/${segment}`, index: INDEX_NUMBER, kind: 'index' };
}
