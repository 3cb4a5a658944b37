/**
 * Pages of CRIU's memory images are told apart one by one: of 5 % changed pages scattered at random, chunks of 4 KiB keep
 * 95 %, of 16 KiB 81 %, of 64 KiB 44 %.
 */
export const PAGE_CHUNK_BYTES = 4096;
/** Other files change as a whole or in long runs: fewer, larger chunks. */
export const FILE_CHUNK_BYTES = 64 * 1024;
/**
 * Chunks are compressed and encrypted together: a page alone compresses badly and costs a call. Also what is read from a file
 * at once, so that a new file's chunks are a record without being copied. Larger ones leave more memory in pieces.
 */
export const RECORD_BYTES = 512 * 1024;
/** Records of one upload go to the store together, less than 8 MiB: one part of an S3 upload. Two under way and one being filled fit into memory. */
export const SEGMENT_RECORDS = 15;
/** Chunks of a record at most, when they are of many tiny files. */
export const RECORD_CHUNKS = 1024;
/** Segments sent at once: one is being made durable while the next is sent. */
export const PUTS_AT_ONCE = 2;
/** Truncated as chunk ids are: two different chunks of a petabyte share one with a probability below 10⁻¹⁵. */
export const CHUNK_ID_BYTES = 16;
/**
 * After so many checkpoints that each keep only what changed, one is stored whole: what no checkpoint needs any more inside
 * segments of which some part is needed stays no longer than that.
 */
export const MAX_GENERATION = 16;
/** Bytes of authentication behind each record (NIST SP 800-38D). */
export const TAG_BYTES = 16;
/** A manifest's body: 32 MiB describe 8 GiB of distinct pages; no checkpoint of a terabyte needs more than this. */
export const MANIFEST_BODY_MAX_BYTES = 8 * 1024 * 1024 * 1024;
/** Header of a manifest, which names the segments: 100 bytes for every 16 MiB. */
export const MANIFEST_HEADER_MAX_BYTES = 64 * 1024 * 1024;
/** A new file's data key, and the key of each segment. */
export const KEY_BYTES = 32;
/** Below this an archive is done before threads would have started. */
export const THREADED_BYTES = 8 * 1024 * 1024;

/** How an upload cuts what it sends; readers take any. */
export interface ArchiveLayout {
  /** Of a record before compression; at most {@link RECORD_BYTES}, a multiple of {@link FILE_CHUNK_BYTES}. */
  recordBytes: number;
  /** At most {@link SEGMENT_RECORDS}. */
  segmentRecords: number;
}

export const DEFAULT_LAYOUT: ArchiveLayout = { recordBytes: RECORD_BYTES, segmentRecords: SEGMENT_RECORDS };
