import { blobKeyInvalid } from './errors.ts';

const KEY_MAX = 512;

/**
 * Throws FermataError `BlobKeyInvalid` unless the key is safe as a path below a folder, as an S3 key and within a URL: an
 * empty part or a dot part would name something else there.
 */
export function checkKey(key: string): void {
  const parts = key.split('/');
  const bad = key.length > KEY_MAX || !/^[a-z0-9._/-]+$/.test(key) || parts.some((part) => /^\.{0,2}$/.test(part));
  if (bad || key.includes('..')) throw blobKeyInvalid(key);
}
