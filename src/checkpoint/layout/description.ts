import { diskFiles } from '../disk-files.ts';
import { archiveRefused } from './errors.ts';

/** `config.dump` and `spec.dump` have some 10 KiB. */
const DESCRIPTION_MAX_BYTES = 16 * 1024 * 1024;

/** One of the files in JSON that an archive of somebody else is described by. Throws FermataError `ArchiveRefused`. */
export async function description<T>(folder: string, path: string): Promise<T> {
  const bytes = await diskFiles.read(folder, path, DESCRIPTION_MAX_BYTES);
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as T;
  } catch (error) {
    throw archiveRefused(`${path} is not JSON`, error);
  }
  throw archiveRefused(`${path} is no object`);
}
