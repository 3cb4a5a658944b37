import type { CheckpointFiles } from './checkpoint-files.ts';
import { imageEntries } from './criu-image.ts';
import { diskFiles } from './disk-files.ts';
import { incomplete } from './errors.ts';
import { readProtobuf } from './protobuf-reader.ts';

/** CRIU's own account of a dump (`dump_stats_entry` of images/stats.proto). */
export interface DumpStatistics {
  /** Until all tasks stood still. */
  freezingMicroseconds: number;
  /** How long they stood still. */
  frozenMicroseconds: number;
  memdumpMicroseconds: number;
  memwriteMicroseconds: number;
  pagesScanned: number;
  pagesSkippedParent: number;
  pagesWritten: number;
}

export const STATISTICS_FILE = 'stats-dump';
/** It has about 50 bytes. */
const STATISTICS_MAX_BYTES = 64 * 1024;

/**
 * Reads `stats-dump` of CRIU's work directory. CRIU writes it last and only after a dump that succeeded. Throws FermataError
 * `CheckpointIncomplete` when it is missing or cut.
 */
export async function readDumpStatistics(
  directory: string,
  options: { files?: CheckpointFiles; path?: string } = {},
): Promise<DumpStatistics> {
  const path = options.path ?? STATISTICS_FILE;
  const bytes = await (options.files ?? diskFiles).read(directory, path, STATISTICS_MAX_BYTES);
  try {
    return parseDumpStatistics(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw incomplete(directory, `${path}: ${error.message}`, error);
  }
}

/** Throws RangeError when the bytes are no `stats-dump`. */
export function parseDumpStatistics(bytes: Uint8Array): DumpStatistics {
  const [entry] = imageEntries(bytes, 'stats');
  if (entry === undefined) throw new RangeError('it holds no statistics');
  for (const { field, value } of readProtobuf(entry)) {
    if (field !== 1 || typeof value === 'bigint') continue;
    const numbers = new Map<number, number>();
    for (const statistic of readProtobuf(value)) {
      if (typeof statistic.value === 'bigint') numbers.set(statistic.field, Number(statistic.value));
    }
    return {
      freezingMicroseconds: numbers.get(1) ?? 0,
      frozenMicroseconds: numbers.get(2) ?? 0,
      memdumpMicroseconds: numbers.get(3) ?? 0,
      memwriteMicroseconds: numbers.get(4) ?? 0,
      pagesScanned: numbers.get(5) ?? 0,
      pagesSkippedParent: numbers.get(6) ?? 0,
      pagesWritten: numbers.get(7) ?? 0,
    };
  }
  throw new RangeError('it holds no statistics of a dump');
}
