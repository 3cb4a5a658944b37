import { FermataError } from '../../model/index.ts';

const ANOTHER_COPY =
  'Restore from another copy or an older checkpoint of the workload; nothing of this one was restored.';

/** What the store gave is not what was put there: altered, cut, swapped, or made by nobody who holds the keys. */
export function archiveCorrupt(archive: string, what: string, cause?: unknown): FermataError {
  return new FermataError('ArchiveCorrupt', `archive ${archive}: ${what}`, { cause, nextStep: ANOTHER_COPY });
}

export function archiveMissing(archive: string, what: string, cause?: unknown): FermataError {
  return new FermataError('ArchiveMissing', `archive ${archive}: ${what}`, { cause, nextStep: ANOTHER_COPY });
}
