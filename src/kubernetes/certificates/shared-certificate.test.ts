import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { SECRETS, SILENT_LOG } from '../../model/index.ts';
import { MemoryBacking } from '../registry/memory-backing.ts';
import { Registry } from '../registry/registry.ts';
import { type ServingCertificate, SharedCertificate } from './shared-certificate.ts';

const KEY = { namespace: 'default', name: 'webhook-certificate' };
const DAY = 86_400_000;

let clock: VirtualClock;
let store: Registry;
let replicas: SharedCertificate[];

beforeEach(() => {
  clock = new VirtualClock();
  store = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  replicas = [];
});

afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
});

function replica(onCertificate?: () => Promise<void>): { current: ServingCertificate | undefined } {
  const seen: { current: ServingCertificate | undefined } = { current: undefined };
  const started = new SharedCertificate(
    { store, clock, log: SILENT_LOG },
    {
      secret: KEY,
      server: { commonName: 'webhook', names: ['webhook.default.svc'] },
      onCertificate: async (certificate) => {
        await onCertificate?.();
        seen.current = certificate;
      },
    },
  );
  started.start();
  replicas.push(started);
  return seen;
}

test('replicas that start together serve with one certificate, which a later one finds', async () => {
  const [one, other] = [replica(), replica()];
  await clock.advance(1_000);
  assert.ok(one.current !== undefined);
  assert.deepEqual(other.current, one.current);
  const later = replica();
  await clock.advance(1_000);
  assert.deepEqual(later.current, one.current);
  assert.equal((await store.get(SECRETS, KEY)).type, 'kubernetes.io/tls');
});

test('what one of them renews all serve with; a Secret that is lost or spoilt is made again', async () => {
  const before300Days = replica();
  await clock.advance(1_000);
  await Promise.all(replicas.map((each) => each.stop()));
  const first = before300Days.current;
  await clock.advance(300 * DAY);
  const [one, other] = [replica(), replica()];
  await clock.advance(600_000);
  assert.notEqual(one.current?.certificate, first?.certificate);
  assert.equal(one.current?.authorities, first?.authorities);
  assert.deepEqual(other.current, one.current);
  await store.delete(SECRETS, KEY);
  await clock.advance(600_000);
  assert.notEqual(one.current?.authorities, first?.authorities);
  assert.deepEqual(other.current, one.current);
  await store.patch(SECRETS, KEY, { data: { 'tls.key': Buffer.from('spoilt').toString('base64') } });
  const before = one.current;
  await clock.advance(600_000);
  assert.notEqual(one.current?.key, before?.key);
  assert.deepEqual(other.current, one.current);
});

test('whoever could not take it in is given it again soon', async () => {
  let failures = 3;
  const seen = replica(async () => {
    if (failures-- > 0) throw new Error('the API server is away');
  });
  await clock.advance(3_000);
  assert.equal(seen.current, undefined);
  await clock.advance(5_000);
  assert.notEqual(seen.current, undefined);
});
