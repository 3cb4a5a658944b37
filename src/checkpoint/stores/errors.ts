import { FermataError, reasonOf } from '../../model/index.ts';

export function blobNotFound(url: string, key: string, cause?: unknown): FermataError {
  return new FermataError('BlobNotFound', `${url}: there is no ${key}`, {
    cause,
    nextStep: 'See with `fermata checkpoints ls --store URL` what the store holds, and who else removes from it.',
  });
}

export function isBlobNotFound(error: unknown): boolean {
  return error instanceof FermataError && error.code === 'BlobNotFound';
}

/** The store sent fewer or more bytes than it said the blob has. */
export function blobTruncated(url: string, key: string, sent: number, promised: number, cause?: unknown): FermataError {
  const why = cause === undefined ? '' : `: ${reasonOf(cause)}`;
  return new FermataError('BlobTruncated', `${url}: ${key}: the store sent ${sent} bytes of ${promised}${why}`, {
    ...(cause === undefined ? {} : { cause }),
    nextStep: 'It is worth trying again; when it stays, the store has lost data.',
  });
}

export function blobKeyInvalid(key: string): FermataError {
  return new FermataError(
    'BlobKeyInvalid',
    `"${key.slice(0, 80)}" is no name for a blob: 1 to 512 of a-z 0-9 . _ - and /, no empty part, no "." or ".." part`,
    { nextStep: 'Use another name.' },
  );
}

export function storeFull(url: string, key: string, cause: unknown): FermataError {
  return new FermataError('StoreFull', `${url}: no room for ${key}: ${reasonOf(cause)}`, {
    cause,
    nextStep: 'Free some: `fermata checkpoints gc --dry-run` says what may go; or give the store more room.',
  });
}

/** A store could not be reached, or answered what it should not. */
export function storeFailed(url: string, what: string, cause: unknown): FermataError {
  return new FermataError('StoreFailed', `${url}: ${what}: ${reasonOf(cause)}`, {
    cause,
    nextStep: 'See that the store runs and can be reached from here; what was begun is taken up again.',
  });
}

export function storeDenied(url: string, what: string, cause: unknown): FermataError {
  return new FermataError('StoreDenied', `${url}: ${what}: ${reasonOf(cause)}`, {
    cause,
    nextStep: 'See which credentials this process finds, and whether they may read, write, list and delete there.',
  });
}
