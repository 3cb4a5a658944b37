import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { type CertificateSet, renewed } from './renewal.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-01-01T00:00:00Z');
const server = { commonName: 'fermata-webhook', names: ['fermata-webhook.fermata-system.svc'] };
const at = (days: number, set: Partial<CertificateSet> | undefined): CertificateSet =>
  renewed(set, { now: START + days * DAY, server, serial: () => randomBytes(16) });

const authorities = ({ 'ca.crt': pem }: CertificateSet): X509Certificate[] =>
  (pem.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map((text) => new X509Certificate(text));

function isTrusted(bundle: CertificateSet, { 'tls.crt': pem }: CertificateSet, days: number): boolean {
  const own = new X509Certificate(pem);
  const valid = (one: X509Certificate): boolean =>
    one.validFromDate.getTime() <= START + days * DAY && one.validToDate.getTime() > START + days * DAY;
  return (
    valid(own) &&
    own.checkHost(server.names[0] ?? '') !== undefined &&
    authorities(bundle).some((one) => valid(one) && own.checkIssued(one) && own.verify(one.publicKey))
  );
}

test('a new set is whole, and stays as it is while nothing is due', () => {
  const set = at(0, undefined);
  assert.ok(isTrusted(set, set, 0));
  assert.equal(at(200, set), set);
});

test('over forty years a client that heard of the last change trusts the server after the next', () => {
  let set = at(0, undefined);
  let changes = 0;
  const signers = new Set<string>();
  for (let day = 1; day < 40 * 365; day += 20) {
    const next = at(day, set);
    if (next !== set) {
      changes++;
      assert.ok(isTrusted(set, next, day), `day ${day}`);
    }
    assert.ok(isTrusted(next, next, day), `day ${day}`);
    signers.add(authorities(next)[0]?.fingerprint256 ?? '');
    set = next;
  }
  assert.ok(signers.size >= 4 && changes > 40, `${signers.size} authorities, ${changes} changes`);
});

test('what is damaged, of other names, or over is made anew', () => {
  const set = at(0, undefined);
  for (const damaged of [
    { ...set, 'tls.key': at(0, undefined)['tls.key'] },
    { ...set, 'ca.crt': 'no certificate' },
    { 'tls.crt': set['tls.crt'] },
    { ...set, 'tls.crt': at(0, undefined)['tls.crt'], 'tls.key': at(0, undefined)['tls.key'] },
  ]) {
    const next = at(0, damaged);
    assert.ok(isTrusted(next, next, 0));
    assert.notEqual(next['ca.crt'], set['ca.crt']);
  }
  const other = renewed(set, {
    now: START,
    server: { ...server, names: ['other.svc'] },
    serial: () => randomBytes(16),
  });
  assert.notEqual(new X509Certificate(other['tls.crt']).checkHost('other.svc'), undefined);
  const late = at(400, set);
  assert.ok(isTrusted(late, late, 400));
});
