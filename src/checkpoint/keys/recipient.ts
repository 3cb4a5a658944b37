import {
  constants,
  createCipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  hkdfSync,
  type KeyObject,
  publicEncrypt,
  X509Certificate,
} from 'node:crypto';
import { FermataError, reasonOf } from '../../model/index.ts';
import { type Stanza, unpadded } from './age-file.ts';
import { fromBech32 } from './bech32.ts';
import { newX25519Key, x25519PublicBytes, x25519PublicKey, x25519Shared } from './x25519.ts';

/** Stanzas of recipients with a certificate; age has no type for them. The key id is the first argument. */
export const RSA_STANZA = 'fermata.dev/x509-rsa-oaep-sha256';
export const EC_STANZA = 'fermata.dev/x509-ecdh-es-hkdf-sha256';
export const X25519_STANZA = 'X25519';
export const X25519_INFO = 'age-encryption.org/v1/X25519';
const MINIMUM_RSA_BITS = 2048;

/** Whoever may read a checkpoint. `keyId`: 16 hex digits of the SHA-256 of its public key (SubjectPublicKeyInfo). */
export interface Recipient {
  kind: 'age' | 'rsa' | 'ec';
  keyId: string;
  publicKey: KeyObject;
}

/**
 * Recipients out of a text: certificates or public keys in PEM (RSA of 2048 bits or more, EC), `age1…` lines; empty lines and
 * those that begin with `#` are skipped. A certificate's validity in time is not looked at: whether an expired recipient is still
 * to get checkpoints is said by whether it is named. `source` is named in errors. Throws FermataError `RecipientInvalid`.
 */
export function parseRecipients(text: string, source: string): Recipient[] {
  const recipients: Recipient[] = [];
  try {
    const pem = /-----BEGIN (CERTIFICATE|PUBLIC KEY)-----[^-]*-----END \1-----/g;
    for (const [block, kind] of text.matchAll(pem)) {
      const publicKey = kind === 'CERTIFICATE' ? new X509Certificate(block).publicKey : createPublicKey(block);
      recipients.push(recipientOf(publicKey));
    }
    for (const line of text
      .replace(pem, '')
      .split('\n')
      .map((one) => one.trim())) {
      if (line === '' || line.startsWith('#')) continue;
      recipients.push(recipientOf(x25519PublicKey(fromBech32('age', line))));
    }
  } catch (error) {
    throw invalid(source, reasonOf(error), error);
  }
  if (recipients.length === 0) throw invalid(source, 'it names nobody');
  return recipients;
}

/** Throws RangeError for kinds of keys that cannot be a recipient. */
export function recipientOf(publicKey: KeyObject): Recipient {
  const keyId = keyIdOf(publicKey);
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey;
  if (type === 'x25519') return { kind: 'age', keyId, publicKey };
  if (type === 'ec') return { kind: 'ec', keyId, publicKey };
  if (type !== 'rsa') throw new RangeError(`a key of type ${type} cannot receive: use RSA, EC or age (X25519)`);
  if ((details?.modulusLength ?? 0) < MINIMUM_RSA_BITS) {
    throw new RangeError(`an RSA key of ${details?.modulusLength} bits is too weak: ${MINIMUM_RSA_BITS} at least`);
  }
  return { kind: 'rsa', keyId, publicKey };
}

export function keyIdOf(publicKey: KeyObject): string {
  return hash('sha256', publicKey.export({ format: 'der', type: 'spki' }), 'hex').slice(0, 16);
}

/** The stanza from which only the recipient gets the file key. */
export function wrapFor({ kind, keyId, publicKey }: Recipient, fileKey: Uint8Array): Stanza {
  if (kind === 'age') return wrapForAge(publicKey, fileKey);
  if (kind === 'rsa') {
    const body = publicEncrypt(
      { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256', oaepLabel: OAEP_LABEL },
      fileKey,
    );
    return { type: RSA_STANZA, arguments: [keyId], body };
  }
  const curve = publicKey.asymmetricKeyDetails?.namedCurve ?? '';
  const ephemeral = generateKeyPairSync('ec', { namedCurve: curve });
  const share = ephemeral.publicKey.export({ format: 'der', type: 'spki' });
  const secret = diffieHellman({ privateKey: ephemeral.privateKey, publicKey });
  const body = wrapped(ecWrapKey(secret, share, publicKey), fileKey);
  return { type: EC_STANZA, arguments: [keyId, unpadded(share)], body };
}

export const OAEP_LABEL = Buffer.from(RSA_STANZA);

/** Bound to both public keys, as age does it for X25519. */
export function ecWrapKey(secret: Uint8Array, share: Uint8Array, publicKey: KeyObject): Uint8Array {
  const salt = Buffer.concat([share, publicKey.export({ format: 'der', type: 'spki' })]);
  return new Uint8Array(hkdfSync('sha256', secret, salt, EC_STANZA, 32));
}

/** As the specification of age has it. */
function wrapForAge(publicKey: KeyObject, fileKey: Uint8Array): Stanza {
  const ephemeral = newX25519Key();
  const share = x25519PublicBytes(ephemeral);
  const salt = Buffer.concat([share, x25519PublicBytes(publicKey)]);
  const key = new Uint8Array(hkdfSync('sha256', x25519Shared(ephemeral, publicKey), salt, X25519_INFO, 32));
  return { type: X25519_STANZA, arguments: [unpadded(share)], body: wrapped(key, fileKey) };
}

/** Each key wraps once, hence the nonce of zeros. */
function wrapped(key: Uint8Array, fileKey: Uint8Array): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, Buffer.alloc(12), { authTagLength: 16 });
  return Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
}

function invalid(source: string, reason: string, cause?: unknown): FermataError {
  return new FermataError('RecipientInvalid', `${source} names no recipients: ${reason}`, {
    cause,
    nextStep: 'It is to hold certificates or public keys in PEM (RSA, EC), or lines `age1…` as age-keygen prints them.',
  });
}
