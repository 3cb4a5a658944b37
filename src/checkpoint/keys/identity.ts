import {
  constants,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  privateDecrypt,
} from 'node:crypto';
import { FermataError, reasonOf } from '../../model/index.ts';
import { fromUnpadded, type Stanza } from './age-file.ts';
import { bech32, fromBech32 } from './bech32.ts';
import {
  EC_STANZA,
  ecWrapKey,
  OAEP_LABEL,
  type Recipient,
  RSA_STANZA,
  recipientOf,
  X25519_INFO,
  X25519_STANZA,
} from './recipient.ts';
import {
  newX25519Key,
  x25519PrivateBytes,
  x25519PrivateKey,
  x25519PublicBytes,
  x25519PublicKey,
  x25519Shared,
} from './x25519.ts';

const SECRET_PREFIX = 'age-secret-key-';

/** A private key that opens what was wrapped for its {@link Recipient}. */
export interface Identity {
  recipient: Recipient;
  privateKey: KeyObject;
}

/**
 * Identities out of a text: private keys in PEM without passphrase, `AGE-SECRET-KEY-1…` lines as age-keygen writes them. `source`
 * is named in errors, keys never are. Throws FermataError `IdentityInvalid`.
 */
export function parseIdentities(text: string, source: string): Identity[] {
  const identities: Identity[] = [];
  try {
    const pem = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----[^-]*-----END \1-----/g;
    for (const [block] of text.matchAll(pem)) identities.push(identityOf(createPrivateKey(block)));
    for (const line of text
      .replace(pem, '')
      .split('\n')
      .map((one) => one.trim())) {
      if (line === '' || line.startsWith('#')) continue;
      identities.push(identityOf(x25519PrivateKey(fromBech32(SECRET_PREFIX, line))));
    }
  } catch (error) {
    throw invalid(source, reasonOf(error), error);
  }
  if (identities.length === 0) throw invalid(source, 'there is none');
  return identities;
}

export function newAgeIdentity(): Identity {
  return identityOf(newX25519Key());
}

export function identityOf(privateKey: KeyObject): Identity {
  return { recipient: recipientOf(createPublicKey(privateKey)), privateKey };
}

/** `AGE-SECRET-KEY-1…` and `age1…` of an X25519 key, as age-keygen writes them. */
export function ageTexts({ privateKey }: Identity): { secret: string; recipient: string } {
  return {
    secret: bech32(SECRET_PREFIX, x25519PrivateBytes(privateKey)).toUpperCase(),
    recipient: bech32('age', x25519PublicBytes(privateKey)),
  };
}

/** The file key, or undefined when the stanza is for somebody else, or was altered. */
export function unwrap({ recipient, privateKey }: Identity, stanza: Stanza): Uint8Array | undefined {
  const [first = '', second = ''] = stanza.arguments;
  try {
    if (stanza.type === X25519_STANZA && recipient.kind === 'age') {
      const share = fromUnpadded(first, 32);
      const salt = Buffer.concat([share, x25519PublicBytes(privateKey)]);
      const secret = x25519Shared(privateKey, x25519PublicKey(share));
      return unwrapped(new Uint8Array(hkdfSync('sha256', secret, salt, X25519_INFO, 32)), stanza.body);
    }
    if (first !== recipient.keyId) return undefined;
    if (stanza.type === RSA_STANZA && recipient.kind === 'rsa') {
      const padding = constants.RSA_PKCS1_OAEP_PADDING;
      return privateDecrypt({ key: privateKey, padding, oaepHash: 'sha256', oaepLabel: OAEP_LABEL }, stanza.body);
    }
    if (stanza.type === EC_STANZA && recipient.kind === 'ec') {
      const share = fromUnpadded(second);
      const publicKey = createPublicKey({ key: Buffer.from(share), format: 'der', type: 'spki' });
      const secret = diffieHellman({ privateKey, publicKey });
      return unwrapped(ecWrapKey(secret, share, recipient.publicKey), stanza.body);
    }
  } catch (error) {
    // An attempt with a key it was not made for ends here as well: nobody can tell these apart.
    if (error instanceof Error) return undefined;
    throw error;
  }
  return undefined;
}

function unwrapped(key: Uint8Array, body: Uint8Array): Uint8Array {
  if (body.length !== 32) throw new RangeError(`a wrapped file key has 32 bytes, not ${body.length}`);
  const decipher = createDecipheriv('chacha20-poly1305', key, Buffer.alloc(12), { authTagLength: 16 });
  decipher.setAuthTag(body.subarray(16));
  return Buffer.concat([decipher.update(body.subarray(0, 16)), decipher.final()]);
}

function invalid(source: string, reason: string, cause?: unknown): FermataError {
  return new FermataError('IdentityInvalid', `${source} holds no private key that opens checkpoints: ${reason}`, {
    cause,
    nextStep:
      'It is to hold private keys in PEM without passphrase, or lines `AGE-SECRET-KEY-1…` as age-keygen writes them.',
  });
}
