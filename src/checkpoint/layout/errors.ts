import { FermataError } from '../../model/index.ts';

export function archiveRefused(what: string, cause?: unknown): FermataError {
  return new FermataError('ArchiveRefused', `the archive is refused: ${what}`, {
    cause,
    nextStep: 'It is damaged, or was made to do harm: nothing of it is used. Export the checkpoint once more.',
  });
}
