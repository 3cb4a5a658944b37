import { createPublicKey, type Hash, type KeyObject, sign, verify } from 'node:crypto';
import { keyIdOf } from '../keys/recipient.ts';

export const SIGNATURE_BYTES = 64;
/** So that a signature of a manifest is one of nothing else. */
const CONTEXT = 'fermata archive manifest v1\0';

/** Ed25519 over the SHA-256 of what was hashed. */
export function signatureOf(hashed: Hash, signingKey: KeyObject): Uint8Array {
  return sign(null, signed(hashed), signingKey);
}

/** Whether one of the keys that are trusted made it. */
export function isSignedBy(trusted: readonly KeyObject[], hashed: Hash, signature: Uint8Array): boolean {
  const bytes = signed(hashed);
  return trusted.some((key) => verify(null, bytes, key, signature));
}

export function signerIdOf(signingKey: KeyObject): string {
  return keyIdOf(createPublicKey(signingKey));
}

function signed(hashed: Hash): Uint8Array {
  return Buffer.concat([Buffer.from(CONTEXT), hashed.copy().digest()]);
}
