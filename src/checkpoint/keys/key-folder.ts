import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FermataError, reasonOf } from '../../model/index.ts';
import type { ArchiveKeys } from '../archive/archive-keys.ts';
import { ageTexts, newAgeIdentity, parseIdentities } from './identity.ts';
import { parseRecipients, type Recipient } from './recipient.ts';

const CHUNK_SECRET = 'chunk-ids.key';
const SIGNING_KEY = 'signing.pem';
const IDENTITIES = 'identity.txt';
/** Public keys of other signers whose archives are let through, `<name>.pem`. */
const TRUSTED = 'trusted';
const SECRET_MODE = 0o600;

/**
 * Makes the keys with which the nodes of a cluster write and read archives: a folder that is the same on all of them (a Secret). Returns
 * the recipient that its identity is, as age writes it. Throws FermataError `KeysExist` when there is one.
 */
export async function createKeyFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const there = await readdir(folder);
  if (there.length > 0) {
    throw new FermataError('KeysExist', `${folder} holds ${there.join(', ')} already; keys are not replaced`, {
      nextStep: 'Name another folder: without the old keys old archives cannot be read.',
    });
  }
  const { secret, recipient } = ageTexts(newAgeIdentity());
  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(folder, name), text, { mode: SECRET_MODE, flag: 'wx' });
  await write(CHUNK_SECRET, `${randomBytes(32).toString('hex')}\n`);
  await write(SIGNING_KEY, String(generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })));
  await write(IDENTITIES, `# public key: ${recipient}\n${secret}\n`);
  return recipient;
}

/**
 * The keys of a folder that {@link createKeyFolder} made. `encryptTo`: files that name recipients; see {@link withRecipients}. Throws FermataError `KeysUnreadable`, `IdentityInvalid`,
 * `RecipientInvalid`.
 */
export async function readKeyFolder(folder: string, encryptTo: readonly string[] = []): Promise<ArchiveKeys> {
  const chunkSecret = new Uint8Array(Buffer.from((await read(join(folder, CHUNK_SECRET))).trim(), 'hex'));
  if (chunkSecret.length !== 32) throw unreadable(join(folder, CHUNK_SECRET), 'it is to hold 64 hex digits');
  const signingKey = signingKeyOf(await read(join(folder, SIGNING_KEY)), join(folder, SIGNING_KEY));
  const identities = parseIdentities(await read(join(folder, IDENTITIES)), join(folder, IDENTITIES));
  const recipients: Recipient[] = [];
  for (const file of encryptTo) recipients.push(...parseRecipients(await read(file), file));
  const trustedSigners = [createPublicKey(signingKey), ...(await trustedOf(join(folder, TRUSTED)))];
  return withRecipients({ chunkSecret, signingKey, trustedSigners, identities, recipients: [] }, recipients);
}

/** The same keys, with which is encrypted for these as well; with any, for the keys' own identities too, so that the nodes can restore. */
export function withRecipients(keys: ArchiveKeys, further: readonly Recipient[]): ArchiveKeys {
  if (further.length === 0) return keys;
  const all = [...keys.identities.map(({ recipient }) => recipient), ...keys.recipients, ...further];
  return { ...keys, recipients: [...new Map(all.map((recipient) => [recipient.keyId, recipient])).values()] };
}

async function trustedOf(folder: string): Promise<KeyObject[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  const keys: KeyObject[] = [];
  for (const name of names.filter((one) => one.endsWith('.pem')).sort()) {
    const file = join(folder, name);
    try {
      keys.push(ed25519(createPublicKey(await read(file))));
    } catch (error) {
      throw unreadable(file, reasonOf(error), error);
    }
  }
  return keys;
}

function signingKeyOf(text: string, file: string): KeyObject {
  try {
    return ed25519(createPrivateKey(text));
  } catch (error) {
    throw unreadable(file, reasonOf(error), error);
  }
}

function ed25519(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== 'ed25519')
    throw new RangeError(`it holds a key of type ${key.asymmetricKeyType}, not Ed25519`);
  return key;
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, reasonOf(error), error);
  }
}

function unreadable(file: string, reason: string, cause?: unknown): FermataError {
  return new FermataError('KeysUnreadable', `${file} is not what archives need: ${reason}`, {
    cause,
    nextStep:
      'Make a folder of keys with `fermata keys create`, the same for all nodes; public keys go to files in PEM or age form.',
  });
}
