import { FermataError } from '../model/index.ts';

const RESTORE_ELSEWHERE =
  'Restore from another copy or an older checkpoint of the workload; the directory is left as it is for inspection.';

/** A file is not what was sealed, or should not be there. */
export function corrupt(directory: string, path: string, found: string, cause?: unknown): FermataError {
  return new FermataError('CheckpointCorrupt', `checkpoint ${directory}: ${path}: ${found}`, {
    cause,
    nextStep: RESTORE_ELSEWHERE,
  });
}

/** Something that was sealed, or that CRIU always writes, is not there (any more, or yet). */
export function incomplete(directory: string, what: string, cause?: unknown): FermataError {
  return new FermataError('CheckpointIncomplete', `checkpoint ${directory}: ${what}`, {
    cause,
    nextStep: RESTORE_ELSEWHERE,
  });
}

export function missing(directory: string, path: string, cause?: unknown): FermataError {
  return incomplete(directory, `${path} is missing`, cause);
}

export function unreadable(directory: string, what: string, cause?: unknown): FermataError {
  return new FermataError('ManifestUnreadable', `checkpoint ${directory}: manifest.json ${what}`, {
    cause,
    nextStep: RESTORE_ELSEWHERE,
  });
}

export function exists(directory: string): FermataError {
  return new FermataError('CheckpointExists', `${directory} exists already; a checkpoint never replaces another`, {
    nextStep: 'Choose another directory, or remove that one if no workload needs it.',
  });
}
