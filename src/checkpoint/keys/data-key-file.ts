import { FermataError, reasonOf } from '../../model/index.ts';
import { ageStanzas, decodeAgeFile, encodeAgeFile, type Stanza } from './age-file.ts';
import { type Identity, unwrap } from './identity.ts';
import { type Recipient, wrapFor } from './recipient.ts';

export const DATA_KEY_BYTES = 32;
/** Says who the file is for; age's own stanzas do not. Nobody can unwrap it, and age ignores it. */
const KEY_IDS_STANZA = 'fermata.dev/key-ids';
const PAYLOAD = /^fermata data key v1\narchive (\S+)\nkey ([0-9a-f]{64})\n$/;

/**
 * The data key of an archive, for its recipients: a file that `age -d` opens too. Writing it anew for others (rotation) touches
 * nothing of the archive's data.
 */
export function encodeDataKey(archive: string, dataKey: Uint8Array, recipients: readonly Recipient[]): Uint8Array {
  const keyIds = [...new Set(recipients.map(({ keyId }) => keyId))].sort();
  const payload = `fermata data key v1\narchive ${archive}\nkey ${Buffer.from(dataKey).toString('hex')}\n`;
  return encodeAgeFile(Buffer.from(payload), (fileKey) => [
    { type: KEY_IDS_STANZA, arguments: keyIds, body: new Uint8Array() },
    ...recipients.map((recipient) => wrapFor(recipient, fileKey)),
  ]);
}

/** Key ids of the recipients. Known for sure only once the file is opened: anybody can write such a file. */
export function recipientIds(archive: string, bytes: Uint8Array): string[] {
  const stanzas = named(archive, () => ageStanzas(bytes));
  return [...(stanzas.find(({ type }) => type === KEY_IDS_STANZA)?.arguments ?? [])];
}

/**
 * Throws FermataError `ArchiveKeyUnavailable` when none of the identities is a recipient, `ArchiveCorrupt` when the file was
 * altered or belongs to another archive.
 */
export function decodeDataKey(archive: string, bytes: Uint8Array, identities: readonly Identity[]): Uint8Array {
  const payload = named(archive, () => decodeAgeFile(bytes, (stanza) => firstUnwrapped(identities, stanza)));
  if (payload === undefined) {
    const given = identities.map(({ recipient }) => recipient.keyId).join(', ') || 'none';
    throw new FermataError(
      'ArchiveKeyUnavailable',
      `archive ${archive} is encrypted for ${recipientIds(archive, bytes).join(', ') || 'unknown keys'}; the private keys given are: ${given}`,
      { nextStep: 'Give the private key of one of its recipients, or have one of them run `fermata keys rotate`.' },
    );
  }
  const [, owner, key] = PAYLOAD.exec(Buffer.from(payload).toString('latin1')) ?? [];
  if (key === undefined) throw corrupt(archive, 'its key file holds no data key');
  if (owner !== archive) throw corrupt(archive, `its key file belongs to archive ${owner}`);
  return new Uint8Array(Buffer.from(key, 'hex'));
}

function firstUnwrapped(identities: readonly Identity[], stanza: Stanza): Uint8Array | undefined {
  for (const identity of identities) {
    const fileKey = unwrap(identity, stanza);
    if (fileKey !== undefined) return fileKey;
  }
  return undefined;
}

function named<T>(archive: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw corrupt(archive, `its key file: ${reasonOf(error)}`, error);
  }
}

function corrupt(archive: string, what: string, cause?: unknown): FermataError {
  return new FermataError('ArchiveCorrupt', `archive ${archive}: ${what}`, {
    cause,
    nextStep: 'Put the key file back from a backup of the store: without it nobody can read the archive.',
  });
}
