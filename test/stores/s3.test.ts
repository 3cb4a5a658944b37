import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { S3Store } from '../../src/checkpoint/index.ts';
import { blobStoreCompliance, collect, pattern } from '../../src/checkpoint/testing.ts';
import { SystemClock } from '../../src/clock/index.ts';
import { FaultProxy } from './fault-proxy.ts';
import { SwiftServer } from './swift-server.ts';

const PART = 8 * 1024 * 1024;
const clock = new SystemClock();
let server: SwiftServer;
let proxy: FaultProxy;
let proxyPort: number;
let stores = 0;

before(async () => {
  server = await SwiftServer.start();
  proxy = new FaultProxy(server.port);
  proxyPort = await proxy.start();
  const { endpoint } = server;
  const client = new S3Client({
    endpoint,
    credentials: SwiftServer.credentials,
    region: 'us-east-1',
    forcePathStyle: true,
  });
  await client.send(new CreateBucketCommand({ Bucket: 'checkpoints' }));
  client.destroy();
});

after(async () => {
  await proxy?.stop();
  await server?.stop();
});

function open(prefix: string, endpoint = server.endpoint): Promise<S3Store> {
  const location = { bucket: 'checkpoints', prefix, endpoint };
  const url = `s3://checkpoints/${prefix}?endpoint=${endpoint}`;
  return S3Store.open({ clock }, url, location, { credentials: SwiftServer.credentials });
}

const faulty = (prefix: string): Promise<S3Store> => open(prefix, `http://127.0.0.1:${proxyPort}`);

blobStoreCompliance('S3 (Swift)', async () => {
  const prefix = `compliance-${++stores}/`;
  const store = await open(prefix);
  return { store, again: () => open(prefix), close: () => store.close() };
});

async function withFaults(
  check: (store: S3Store) => Promise<void>,
  plan: FaultProxy['plan'] = () => undefined,
): Promise<void> {
  const store = await faulty(`faults-${++stores}/`);
  proxy.seen.length = 0;
  proxy.plan = plan;
  try {
    await check(store);
  } finally {
    proxy.plan = () => undefined;
    await store.close();
  }
}

const isPart = ({ method, url }: { method: string; url: string }): boolean =>
  method === 'PUT' && url.includes('partNumber=');
const body = pattern(3 * PART + 1000);

async function readBack(store: S3Store, key: string): Promise<void> {
  assert.ok(Buffer.from(await collect(store.get(key))).equals(body));
}

test('a store that answers 503 to every other request is written and read all the same', () => {
  let count = 0;
  return withFaults(
    async (store) => {
      await store.put('k', body);
      await readBack(store, 'k');
      assert.deepEqual((await store.head('k'))?.size, body.length);
    },
    () => (count++ % 2 === 0 ? { status: 503 } : undefined),
  );
});

test('a store that is slow is waited for', () =>
  withFaults(
    async (store) => {
      await store.put('k', body);
      await readBack(store, 'k');
    },
    () => ({ slowMilliseconds: 5 }),
  ));

test('a part that is cut off on its way is sent again, and no other', () => {
  let cut = false;
  return withFaults(
    async (store) => {
      await store.put('k', body);
      await readBack(store, 'k');
      const sent = proxy.seen.filter(isPart).map(({ url }) => /partNumber=(\d+)/.exec(url)?.[1]);
      assert.deepEqual(sent.sort(), ['1', '2', '2', '3', '4']);
    },
    (request) => {
      if (cut || !isPart(request) || !request.url.includes('partNumber=2')) return undefined;
      cut = true;
      return { cutRequestAfter: PART / 2 };
    },
  );
});

test('an answer that is lost does no harm: what was carried out twice is there once', () => {
  const lost = new Set<string>();
  return withFaults(
    async (store) => {
      await store.put('small', Buffer.from('x'));
      await store.put('k', body);
      await readBack(store, 'k');
      await store.delete('small');
      assert.equal(await store.head('small'), undefined);
    },
    ({ method, url }) => {
      const what = `${method} ${url.replace(/uploadId=[^&]*/, '')}`;
      if (method === 'GET' || method === 'HEAD' || url.includes('uploads') || method === 'POST') return undefined;
      if (lost.has(what)) return undefined;
      lost.add(what);
      return 'answer lost';
    },
  );
});

test('a download that is cut is gone on with where it ended', () =>
  withFaults(async (store) => {
    await store.put('k', body);
    proxy.seen.length = 0;
    let cuts = 0;
    proxy.plan = ({ method }) => (method === 'GET' && cuts++ < 3 ? { cutResponseAfter: PART / 2 } : undefined);
    await readBack(store, 'k');
    const ranges = proxy.seen.map(({ headers }) => headers.range);
    assert.equal(ranges.length, 4);
    assert.deepEqual(ranges.slice(0, 2), [undefined, `bytes=${PART / 2}-`]);
  }));

test('a download that is always cut ends in an error, not in a short blob', () =>
  withFaults(async (store) => {
    await store.put('k', body);
    proxy.plan = ({ method }) => (method === 'GET' ? { cutResponseAfter: 0 } : undefined);
    await assert.rejects(collect(store.get('k')), (error: Error) => /BlobTruncated|reset|aborted/.test(`${error}`));
  }));

test('a store that stays broken is an error that names it, and what was begun is taken up again', () =>
  withFaults(async (store) => {
    proxy.plan = (request) => (isPart(request) && request.url.includes('partNumber=3') ? { status: 500 } : undefined);
    await assert.rejects(store.put('k', body), { code: 'StoreFailed' });
    assert.equal(await store.head('k'), undefined);
    proxy.plan = () => undefined;
    proxy.seen.length = 0;
    await store.put('k', body);
    const sent = proxy.seen.filter(isPart).map(({ url }) => /partNumber=(\d+)/.exec(url)?.[1]);
    assert.ok(!sent.includes('1') && !sent.includes('2') && sent.includes('3'), `sent ${sent.join(', ')}`);
    await readBack(store, 'k');
  }));

test('parts that the store has of another body are not mistaken for these', () =>
  withFaults(async (store) => {
    proxy.plan = (request) => (isPart(request) && request.url.includes('partNumber=3') ? { status: 500 } : undefined);
    await assert.rejects(store.put('k', Buffer.alloc(body.length, 7)), { code: 'StoreFailed' });
    proxy.plan = () => undefined;
    await store.put('k', body);
    await readBack(store, 'k');
  }));

test('what a writer that was killed had sent is swept when it is old, and not before', () =>
  withFaults(async (store) => {
    proxy.plan = (request) => (isPart(request) && request.url.includes('partNumber=3') ? { status: 500 } : undefined);
    await assert.rejects(store.put('k', body), { code: 'StoreFailed' });
    proxy.plan = () => undefined;
    assert.equal(await store.sweep(3_600_000), 0);
    const late = await S3Store.open(
      { clock: { now: () => clock.now() + 7_200_000 } },
      store.url,
      { bucket: 'checkpoints', prefix: `faults-${stores}/`, endpoint: server.endpoint },
      { credentials: SwiftServer.credentials },
    );
    assert.ok((await late.sweep(3_600_000)) >= 2 * PART);
    assert.equal(await late.sweep(3_600_000), 0);
    await late.close();
  }));

test('wrong credentials are named as such, and are not in the message', async () => {
  const location = { bucket: 'checkpoints', prefix: '', endpoint: server.endpoint };
  const credentials = { accessKeyId: 'test:tester', secretAccessKey: 'not-the-secret' };
  const store = await S3Store.open({ clock }, 's3://checkpoints/', location, { credentials });
  await assert.rejects(store.put('k', Buffer.from('x')), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'StoreDenied');
    assert.ok(!`${error.message}${error.stack}`.includes('not-the-secret'));
    return true;
  });
  await store.close();
});

test('a writer that is killed in the middle leaves no blob, and the next put of it takes its parts up', async () => {
  const prefix = `killed-${++stores}/`;
  const program = `
    import { S3Store } from ${JSON.stringify(new URL('../../src/checkpoint/index.ts', import.meta.url).href)};
    const store = await S3Store.open({ clock: Date }, 's3://checkpoints/', {
      bucket: 'checkpoints', prefix: '${prefix}', endpoint: '${server.endpoint}' });
    const pattern = Buffer.alloc(${4 * PART});
    for (let index = 0; index < pattern.length; index += 4) pattern.writeUInt32LE(Math.imul(index, 0x9e3779b1) >>> 0, index);
    await store.put('k', (async function* () {
      for (let part = 0; part < 4; part++) {
        yield pattern.subarray(part * ${PART}, (part + 1) * ${PART});
        if (part === 3) { console.log('three parts'); await new Promise((resolve) => setTimeout(resolve, 60000)); }
      }
    })());`;
  const { accessKeyId, secretAccessKey } = SwiftServer.credentials;
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program],
    {
      env: { ...process.env, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout, 'data');
  await new Promise((resolve) => setTimeout(resolve, 500));
  child.kill('SIGKILL');
  await once(child, 'close');
  const store = await open(prefix);
  assert.equal(await store.head('k'), undefined);
  const whole = pattern(4 * PART);
  await store.put('k', whole);
  assert.ok(Buffer.from(await collect(store.get('k'))).equals(whole));
  assert.equal(await store.sweep(0), 0, 'nothing of the killed one is left');
  await store.close();
});
