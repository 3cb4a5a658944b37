import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '../../clock/index.ts';
import { FermataError, SILENT_LOG } from '../../model/index.ts';
import type { LogOptions } from '../../runtime/index.ts';
import { LogServer, readOptions } from './log-server.ts';

type Source = (container: string, options: LogOptions) => AsyncIterable<Uint8Array>;

async function withServer(logs: Source, use: (socketPath: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-logs-'));
  const node = {
    hasPod: (namespace: string, pod: string) => `${namespace}/${pod}` === 'ns/p',
    logs: (_namespace: string, _pod: string, container: string, options: LogOptions) => logs(container, options),
  };
  const socketPath = join(folder, 'nodes.sock');
  const server = new LogServer(
    { nodes: new Map([['n1', node]]), clock: new SystemClock(), log: SILENT_LOG },
    { socketPath },
  );
  await server.start();
  try {
    await use(socketPath);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function get(
  socketPath: string,
  path: string,
  onData?: (text: string) => void,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
        onData?.(text);
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.once('error', reject);
    })
      .once('error', reject)
      .end();
  });
}

test('a log is served with the kubelet’s path, on a socket of its owner alone', () =>
  withServer(
    async function* (container, { tailLines }) {
      yield Buffer.from(`${container} ${tailLines}\n`);
    },
    async (socketPath) => {
      assert.deepEqual(await get(socketPath, '/containerLogs/ns/p/main?tailLines=3'), {
        status: 200,
        body: 'main 3\n',
      });
      assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
      assert.equal((await get(socketPath, '/containerLogs/ns/other/main')).status, 404);
      assert.equal((await get(socketPath, '/etc/passwd')).status, 404);
      assert.equal((await get(socketPath, '/containerLogs/ns/p/main?tailLines=-1')).status, 400);
    },
  ));

test('what the runtime says about a container it does not have reaches the reader', () =>
  withServer(
    // biome-ignore lint/correctness/useYield: a log that fails before its first line
    async function* () {
      throw new FermataError('ContainerNotFound', 'pod ns/p has no container x');
    },
    async (socketPath) => {
      const { status, body } = await get(socketPath, '/containerLogs/ns/p/x');
      assert.deepEqual([status, body], [404, 'pod ns/p has no container x\n']);
    },
  ));

test('a log that is followed arrives line by line, and the source hears when its reader goes', async () => {
  let left = false;
  await withServer(
    async function* (_container, { signal }) {
      yield Buffer.from('one\n');
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
      left = true;
    },
    async (socketPath) => {
      await new Promise<void>((resolve) => {
        const call = request({ socketPath, path: '/containerLogs/ns/p/main?follow=true' }, (response) => {
          response.once('data', () => {
            call.destroy();
            resolve();
          });
        });
        call.once('error', () => undefined).end();
      });
      while (!left) await new Promise((resolve) => setImmediate(resolve));
    },
  );
});

test('the query is read as the kubelet reads it', () => {
  const read = (query: string) => readOptions(new URLSearchParams(query), 100_000);
  assert.deepEqual(read('follow&timestamps=true&previous=false'), { follow: true, timestamps: true });
  assert.deepEqual(read('sinceSeconds=10&limitBytes=5'), { since: 90_000, limitBytes: 5 });
  assert.deepEqual(read('sinceTime=1970-01-01T00:00:07Z'), { since: 7_000 });
  assert.throws(() => read('sinceTime=yesterday'), { code: 'LogQueryInvalid' });
});
