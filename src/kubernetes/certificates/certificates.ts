import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import * as der from './der.ts';

/** PEM of a certificate and of its private key (PKCS #8). */
export interface CertificateAndKey {
  certificate: string;
  key: string;
}

export interface CertificateRequest {
  commonName: string;
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
  /** 16 random octets; the serial number is what tells a renewed certificate from the old one. */
  serial: Uint8Array;
}

/** What a server answers to. */
export interface ServerNames {
  names: readonly string[];
  /** Octets of IPv4 or IPv6 addresses. */
  addresses?: readonly Uint8Array[];
}

const ECDSA_WITH_SHA256 = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));

/** A self-signed authority that may sign server certificates and nothing below them (RFC 5280). */
export function createAuthority(request: CertificateRequest): CertificateAndKey {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [
    extension('2.5.29.19', true, der.sequence(der.boolean(true), der.integer(Buffer.from([0])))),
    // keyCertSign and cRLSign: bits 5 and 6.
    extension('2.5.29.15', true, der.bitString(Buffer.from([0b0000_0110]), 1)),
    extension('2.5.29.14', false, der.octetString(keyIdentifier(keys.publicKey))),
  ];
  const certificate = signed(request, request.commonName, keys.publicKey, extensions, keys.privateKey);
  return { certificate, key: exported(keys.privateKey) };
}

/** A certificate for a server, signed by the authority. */
export function createServerCertificate(
  authority: { commonName: string; key: KeyObject },
  request: CertificateRequest & ServerNames,
): CertificateAndKey {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const alternativeNames = der.sequence(
    ...request.names.map((name) => der.implicit(2, Buffer.from(name, 'ascii'))),
    ...(request.addresses ?? []).map((address) => der.implicit(7, address)),
  );
  const extensions = [
    extension('2.5.29.19', true, der.sequence()),
    extension('2.5.29.15', true, der.bitString(Buffer.from([0b1000_0000]), 7)), // digitalSignature
    extension('2.5.29.37', false, der.sequence(der.objectIdentifier('1.3.6.1.5.5.7.3.1'))), // serverAuth
    extension('2.5.29.17', false, alternativeNames),
    extension('2.5.29.35', false, der.sequence(der.implicit(0, keyIdentifier(createPublicKey(authority.key))))),
  ];
  const certificate = signed(request, authority.commonName, keys.publicKey, extensions, authority.key);
  return { certificate, key: exported(keys.privateKey) };
}

function signed(
  request: CertificateRequest,
  issuer: string,
  subjectKey: KeyObject,
  extensions: Buffer[],
  issuerKey: KeyObject,
): string {
  const toBeSigned = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))), // version 3
    der.integer(request.serial),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer),
    der.sequence(der.time(request.notBefore), der.time(request.notAfter)),
    distinguishedName(request.commonName),
    subjectKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, { key: issuerKey, dsaEncoding: 'der' });
  return der.pem('CERTIFICATE', der.sequence(toBeSigned, ECDSA_WITH_SHA256, der.bitString(signature)));
}

function distinguishedName(commonName: string): Buffer {
  return der.sequence(der.set(der.sequence(der.objectIdentifier('2.5.4.3'), der.utf8String(commonName))));
}

function extension(identifier: string, critical: boolean, value: Buffer): Buffer {
  const parts = [der.objectIdentifier(identifier), der.octetString(value)];
  if (critical) parts.splice(1, 0, der.boolean(true));
  return der.sequence(...parts);
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}

function exported(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
