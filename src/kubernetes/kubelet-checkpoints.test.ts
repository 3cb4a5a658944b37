import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { isApiError } from './api-error.ts';
import { KubeletCheckpoints } from './kubelet-checkpoints.ts';

const CONTAINER = { namespace: 'team', pod: 'thesis', container: 'main', timeoutSeconds: 900 };
const signal = new AbortController().signal;

let server: Server;
let asked: string[];
let answer: { status: number; type: string; body: string };
beforeEach(async () => {
  asked = [];
  answer = { status: 200, type: 'application/json', body: '{"items":["/var/lib/kubelet/checkpoints/x.tar"]}' };
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(answer.status, { 'content-type': answer.type });
    response.end(answer.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

async function ask(throughNode?: string) {
  const access = { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  const kubelet = new KubeletCheckpoints(access, throughNode === undefined ? {} : { throughNode });
  try {
    return await kubelet.checkpoint(CONTAINER, signal);
  } finally {
    await kubelet.close();
  }
}

test('the kubelet is asked with the time that the dump is given, and says where it wrote', async () => {
  assert.deepEqual(await ask(), { paths: ['/var/lib/kubelet/checkpoints/x.tar'] });
  assert.deepEqual(asked, ['POST /checkpoint/team/thesis/main?timeout=900']);
});

test('through the API server it is the same below the proxy of the node', async () => {
  await ask('node-1');
  assert.deepEqual(asked, ['POST /api/v1/nodes/node-1/proxy/checkpoint/team/thesis/main?timeout=900']);
});

test('the words of a refusal are kept, for only they tell a missing pod from a missing endpoint', async () => {
  answer = { status: 404, type: 'text/plain', body: 'pod does not exist' };
  const refusal = await ask();
  assert.ok('status' in refusal);
  assert.equal(refusal.status, 404);
  assert.match(refusal.message, /pod does not exist/);
});

test('no answer is no refusal', async () => {
  server.removeAllListeners('request').on('request', (request) => request.socket.destroy());
  await assert.rejects(ask(), (error) => isApiError(error, 'ServiceUnavailable'));
});
