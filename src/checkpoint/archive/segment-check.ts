import { hash } from 'node:crypto';
import type { BlobStore } from '../stores/blob-store.ts';
import { readBlob } from './blobs.ts';
import type { Codec } from './codec.ts';
import { CHUNK_ID_BYTES, SEGMENT_RECORDS } from './constants.ts';
import { type ArchiveRecord, chunkOffsets, type Segment } from './contents.ts';
import { type ArchiveName, segmentKey, segmentPrefix } from './names.ts';
import { segmentDataKey } from './sealed-manifest.ts';
import { placeInSegment, recordsOfSegment } from './segment-blob.ts';
import { type SlotPool, STORED_MAX_BYTES } from './slot.ts';

/** With an index and a trailer. */
const SEGMENT_MAX_BYTES = (SEGMENT_RECORDS + 1) * STORED_MAX_BYTES;

/**
 * The segments that an earlier try of the same upload left in the store, each read and verified to the last chunk; what is none, or
 * does not open with this data key, is passed over.
 */
export async function earlierSegments(
  store: BlobStore,
  name: ArchiveName,
  parts: { codec: Codec; pool: SlotPool; dataKey: Uint8Array | undefined; signal: AbortSignal },
): Promise<Segment[]> {
  const { codec, pool, dataKey, signal } = parts;
  const segments: Segment[] = [];
  const prefix = segmentPrefix(name);
  for await (const { key } of store.list(prefix, signal)) {
    const segment = `${name.archive}/${key.slice(prefix.length)}`;
    try {
      const blob = await readBlob(store, segmentKey(name.tenant, segment), SEGMENT_MAX_BYTES, signal);
      if (blob === undefined) continue;
      const secret = dataKey === undefined ? undefined : segmentDataKey(dataKey, segment);
      const records = recordsOfSegment(name.tenant, segment, blob, secret);
      for (const [index, record] of records.entries()) {
        await checkRecord(blob, record, {
          codec,
          pool,
          key: secret,
          place: placeInSegment(name.tenant, segment, index),
        });
      }
      const digest = new Uint8Array(hash('sha256', blob, 'buffer'));
      segments.push({ name: segment, sizeBytes: blob.length, digest, key: secret ?? new Uint8Array(), records });
    } catch (error) {
      // It may be another archive's by now, of a time when this one was whole: whoever collects garbage knows.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return segments.sort((one, other) => (one.name < other.name ? -1 : 1));
}

async function checkRecord(
  blob: Buffer,
  record: ArchiveRecord,
  parts: { codec: Codec; pool: SlotPool; key: Uint8Array | undefined; place: ReturnType<typeof placeInSegment> },
): Promise<void> {
  const { codec, pool, key, place } = parts;
  const { offset, storedBytes, rawBytes, compression, ids } = record;
  if (storedBytes > STORED_MAX_BYTES) throw new RangeError(`a record of ${storedBytes} bytes`);
  const slot = await pool.take();
  try {
    slot.stored.set(blob.subarray(offset, offset + storedBytes));
    slot.ids.set(ids);
    const offsets = chunkOffsets(record, CHUNK_ID_BYTES);
    await codec.run({ kind: 'open', slot, storedBytes, rawBytes, compression, key, place, offsets, writes: [] });
  } finally {
    pool.give(slot);
  }
}
