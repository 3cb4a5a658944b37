import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createAuthority, createServerCertificate, type ServerNames } from './certificates.ts';

/** All PEM, as a Secret of type `kubernetes.io/tls` keeps it. */
export interface CertificateSet {
  /** Authorities that clients should trust: the one that signs, and the one before while it is valid. */
  'ca.crt': string;
  /** Of the first authority of `ca.crt`. */
  'ca.key': string;
  'tls.crt': string;
  'tls.key': string;
}

const DAY_MILLISECONDS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
const SERVER_DAYS = 365;
/**
 * A new authority is announced this long before the old one ends, and signs from the next renewal of the server's certificate on:
 * by then every client has heard of it.
 */
const AUTHORITY_RENEWAL_DAYS = 730;
const SERVER_RENEWAL_DAYS = 120;
/** Against clocks that are behind. */
const BACKDATE_MILLISECONDS = 300_000;

/**
 * What the set should be at `now` (ms since the epoch): the very same object when nothing is to be done. A server certificate is
 * only ever signed by an authority that was announced a renewal before, except where there was none.
 */
export function renewed(
  current: Partial<CertificateSet> | undefined,
  options: { now: number; server: ServerNames & { commonName: string }; serial: () => Uint8Array },
): CertificateSet {
  const { now, server } = options;
  const request = (commonName: string, days: number) => ({
    commonName,
    serial: options.serial(),
    notBefore: now - BACKDATE_MILLISECONDS,
    notAfter: now + days * DAY_MILLISECONDS,
  });
  const authorityName = `${server.commonName}-ca`;
  const known = readSet(current, now, server.names);
  if (known === undefined) {
    const authority = createAuthority(request(authorityName, AUTHORITY_DAYS));
    const issuer = { commonName: authorityName, key: createPrivateKey(authority.key) };
    const own = createServerCertificate(issuer, { ...request(server.commonName, SERVER_DAYS), ...server });
    return {
      'ca.crt': authority.certificate,
      'ca.key': authority.key,
      'tls.crt': own.certificate,
      'tls.key': own.key,
    };
  }
  const [signer = ''] = certificatesOf(known['ca.crt']);
  if (endsWithin(known['tls.crt'], now, SERVER_RENEWAL_DAYS)) {
    const issuer = { commonName: authorityName, key: createPrivateKey(known['ca.key']) };
    const own = createServerCertificate(issuer, { ...request(server.commonName, SERVER_DAYS), ...server });
    return { ...known, 'tls.crt': own.certificate, 'tls.key': own.key };
  }
  if (endsWithin(signer, now, AUTHORITY_RENEWAL_DAYS)) {
    const authority = createAuthority(request(authorityName, AUTHORITY_DAYS));
    return { ...known, 'ca.crt': `${authority.certificate}${signer}`, 'ca.key': authority.key };
  }
  return known;
}

/** Undefined: a part is missing, damaged or over, or does not fit the others. */
function readSet(
  set: Partial<CertificateSet> | undefined,
  now: number,
  names: readonly string[],
): CertificateSet | undefined {
  const { 'ca.crt': authorities, 'ca.key': authorityKey, 'tls.crt': certificate, 'tls.key': key } = set ?? {};
  if (!authorities || !authorityKey || !certificate || !key) return undefined;
  try {
    const [signer, ...older] = certificatesOf(authorities).map((text) => new X509Certificate(text));
    const own = new X509Certificate(certificate);
    const isWhole =
      signer?.checkPrivateKey(createPrivateKey(authorityKey)) === true &&
      own.checkPrivateKey(createPrivateKey(key)) &&
      [signer, ...older].some((authority) => own.verify(authority.publicKey)) &&
      names.every((name) => own.checkHost(name) !== undefined) &&
      own.validToDate.getTime() > now &&
      signer.validToDate.getTime() > now;
    return isWhole ? (set as CertificateSet) : undefined;
  } catch {
    return undefined; // not PEM, or of another kind: a new set replaces it
  }
}

function certificatesOf(pem: string): string[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((text) => `${text}\n`);
}

function endsWithin(certificate: string, now: number, days: number): boolean {
  return new X509Certificate(certificate).validToDate.getTime() < now + days * DAY_MILLISECONDS;
}
