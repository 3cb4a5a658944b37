import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { Agent, request } from 'undici';
import { SystemClock } from '../../clock/index.ts';
import { SILENT_LOG } from '../../model/index.ts';
import { renewed } from '../certificates/renewal.ts';
import type { AdmissionAnswer, AdmissionRequest } from './admission-review.ts';
import { AdmissionServer } from './admission-server.ts';

const clock = new SystemClock();
const server = { commonName: 'localhost', names: ['localhost'] };
const fresh = () => renewed(undefined, { now: clock.now(), server, serial: () => randomBytes(16) });

let running: AdmissionServer;
let ca: string;
let answer: (asked: AdmissionRequest, signal: AbortSignal) => Promise<AdmissionAnswer>;
let client: Agent;
const outcomes: string[] = [];

beforeEach(async () => {
  answer = async () => ({ allowed: true });
  outcomes.length = 0;
  running = new AdmissionServer(
    { clock, log: SILENT_LOG },
    {
      host: '127.0.0.1',
      port: 0,
      handlers: { '/pods': (asked, signal) => answer(asked, signal) },
      onAnswer: (_path, outcome) => outcomes.push(outcome),
    },
  );
  const set = fresh();
  ca = set['ca.crt'];
  await running.serveWith({ certificate: set['tls.crt'], key: set['tls.key'] });
  client = new Agent({ connect: { ca, servername: 'localhost' } });
});

afterEach(async () => {
  await client.close();
  await running.stop();
});

const review = (rest: object = {}): string =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u1', operation: 'CREATE', namespace: 'team', object: { kind: 'Pod' }, ...rest },
  });

async function post(body: string, path = '/pods'): Promise<{ code: number; body: unknown }> {
  const reply = await request(`https://127.0.0.1:${running.port}${path}`, { method: 'POST', body, dispatcher: client });
  return { code: reply.statusCode, body: await reply.body.json() };
}

test('a patch goes back as base64 of JSON, under the UID of the request', async () => {
  const patch = [{ op: 'add' as const, path: '/metadata/labels', value: { a: 'b' } }];
  answer = async (asked) => {
    assert.equal(asked.namespace, 'team');
    assert.equal(asked.dryRun, false);
    return { allowed: true, patch, warnings: ['w'] };
  };
  const { code, body } = await post(review());
  assert.equal(code, 200);
  const { response } = body as { response: { uid: string; patch: string } };
  assert.deepEqual(JSON.parse(Buffer.from(response.patch, 'base64').toString()), patch);
  assert.deepEqual(
    { ...response, patch: '' },
    { uid: 'u1', allowed: true, patchType: 'JSONPatch', patch: '', warnings: ['w'] },
  );
});

test('a refusal says with which status', async () => {
  answer = async () => ({ allowed: false, code: 409, reason: 'Conflict', message: 'later' });
  const { body } = await post(review());
  assert.deepEqual((body as { response: object }).response, {
    uid: 'u1',
    allowed: false,
    status: { status: 'Failure', code: 409, reason: 'Conflict', message: 'later' },
  });
  assert.deepEqual(outcomes, ['refused']);
});

test('what is no review is answered with 400, what fails with 500, another path with 404', async () => {
  assert.equal((await post('nonsense')).code, 400);
  assert.equal(
    (await post(JSON.stringify({ apiVersion: 'admission.k8s.io/v1beta1', kind: 'AdmissionReview' }))).code,
    400,
  );
  assert.equal((await post(review({ uid: '' }))).code, 400);
  answer = async () => {
    throw new Error('the API server does not answer');
  };
  assert.equal((await post(review())).code, 500);
  assert.equal((await post(review(), '/constructor')).code, 404);
  assert.deepEqual(outcomes, ['failed', 'failed', 'failed', 'failed']);
});

test('a renewed certificate is used for the connections that follow', async () => {
  const next = fresh();
  await running.serveWith({ certificate: next['tls.crt'], key: next['tls.key'] });
  const trusting = new Agent({ connect: { ca: next['ca.crt'], servername: 'localhost' } });
  const reply = await request(`https://127.0.0.1:${running.port}/pods`, {
    method: 'POST',
    body: review(),
    dispatcher: trusting,
  });
  assert.equal(reply.statusCode, 200);
  await reply.body.dump();
  await trusting.close();
});

test('stopping lets the answer under way finish', async () => {
  let finish: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    answer = () => {
      resolve();
      return new Promise((done) => {
        finish = () => done({ allowed: true });
      });
    };
  });
  const reply = post(review());
  await asked;
  const stopped = running.stop();
  finish();
  assert.equal((await reply).code, 200);
  await stopped;
});
