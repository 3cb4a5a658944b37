import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { type CertificateAndKey, createAuthority, createServerCertificate } from '../../kubernetes/index.ts';
import { writeAtomically } from '../atomic-file.ts';

/** Names and addresses a local server answers to. */
const LOOPBACK = {
  names: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
  addresses: [Buffer.from([127, 0, 0, 1]), Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])],
};

const DAY_MILLISECONDS = 86_400_000;
const AUTHORITY_NAME = 'fermata-sandbox-ca';
const SERVER_NAME = 'fermata-sandbox';
/** Long, since renewing the authority changes the kubeconfig that people may have copied. */
const AUTHORITY_DAYS = 3_650;
/** What Apple's and others' TLS stacks accept at most is 398. */
const SERVER_DAYS = 365;
/** Renewed at a start when less than this is left: a sandbox is not expected to run longer without a restart. */
const RENEW_DAYS = 30;
/** Against a clock that was behind when the certificate was made. */
const BACKDATE_MILLISECONDS = 300_000;
const TOKEN_BYTES = 32;

/** What the server proves itself with, and what it asks of its clients. */
export interface Credentials {
  authority: string;
  server: CertificateAndKey;
  /** Bearer token, 256 random bits. */
  token: string;
}

/**
 * Reads the credentials kept in `directory` (0700; files 0600), making what is missing, unreadable or about to expire.
 * The same directory gives the same authority and token at every start, so that a copied kubeconfig goes on working.
 */
export async function loadCredentials(clock: Clock, directory: string): Promise<Credentials> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const now = clock.now();
  let authority = await readPair(directory, 'ca');
  let renewed = false;
  if (authority === undefined || expiresBefore(authority.certificate, now + RENEW_DAYS * DAY_MILLISECONDS)) {
    authority = createAuthority(request(AUTHORITY_NAME, now, AUTHORITY_DAYS));
    writePair(directory, 'ca', authority);
    renewed = true;
  }
  let server = renewed ? undefined : await readPair(directory, 'server');
  if (
    server === undefined ||
    expiresBefore(server.certificate, now + RENEW_DAYS * DAY_MILLISECONDS) ||
    !new X509Certificate(server.certificate).checkIssued(new X509Certificate(authority.certificate))
  ) {
    const issuer = { commonName: AUTHORITY_NAME, key: createPrivateKey(authority.key) };
    server = createServerCertificate(issuer, { ...request(SERVER_NAME, now, SERVER_DAYS), ...LOOPBACK });
    writePair(directory, 'server', server);
  }
  return { authority: authority.certificate, server, token: await loadToken(join(directory, 'token')) };
}

function request(commonName: string, now: number, days: number) {
  const serial = randomBytes(16);
  return {
    commonName,
    serial,
    notBefore: now - BACKDATE_MILLISECONDS,
    notAfter: now + days * DAY_MILLISECONDS,
  };
}

function expiresBefore(certificate: string, instant: number): boolean {
  return new X509Certificate(certificate).validToDate.getTime() < instant;
}

/** The pair, or undefined when a part is missing, damaged, or does not belong to the other. */
async function readPair(directory: string, name: string): Promise<CertificateAndKey | undefined> {
  const certificate = await readIfPresent(join(directory, `${name}.crt`));
  const key = await readIfPresent(join(directory, `${name}.key`));
  if (certificate === undefined || key === undefined) return undefined;
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)) ? { certificate, key } : undefined;
  } catch {
    return undefined; // a half-written or foreign file: a new pair replaces it
  }
}

function writePair(directory: string, name: string, pair: CertificateAndKey): void {
  // A crash between the two leaves a pair that does not match, which the next start sees and replaces.
  writeAtomically(join(directory, `${name}.key`), pair.key);
  writeAtomically(join(directory, `${name}.crt`), pair.certificate);
}

async function loadToken(path: string): Promise<string> {
  const kept = (await readIfPresent(path))?.trim();
  if (kept !== undefined && /^[A-Za-z0-9_-]{32,}$/.test(kept)) return kept;
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  writeAtomically(path, `${token}\n`);
  return token;
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
