import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { S3Store } from '../../src/checkpoint/index.ts';
import { blobStoreCompliance, collect, pattern } from '../../src/checkpoint/testing.ts';
import { SystemClock } from '../../src/clock/index.ts';
import { type Fault, FaultProxy, type Seen } from './fault-proxy.ts';
import { BODY, type FaultGround, PART, readBack, storeFaults, withStore } from './store-faults.ts';
import { SwiftServer } from './swift-server.ts';

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

const partOf = ({ method, url }: Seen): string | undefined =>
  method === 'PUT' ? /partNumber=(\d+)/.exec(url)?.[1] : undefined;
const ground: FaultGround = {
  proxy: () => proxy,
  open: () => faulty(`faults-${++stores}/`),
  partOf,
  parts: 4,
  isRead: ({ method }) => method === 'GET',
};
const failingPart = (request: Seen): Fault | undefined => (partOf(request) === '3' ? { status: 500 } : undefined);

storeFaults('an S3 store', ground);

test('parts that the store has of another body are not mistaken for these', () =>
  withStore(ground, async (store) => {
    proxy.plan = failingPart;
    await assert.rejects(store.put('k', Buffer.alloc(BODY.length, 7)), { code: 'StoreFailed' });
    proxy.plan = () => undefined;
    await store.put('k', BODY);
    await readBack(store);
  }));

test('what a writer that was killed had sent is swept when it is old, and not before', () =>
  withStore({ ...ground, open: () => faulty(`swept-${++stores}/`) }, async (store) => {
    proxy.plan = failingPart;
    await assert.rejects(store.put('k', BODY), { code: 'StoreFailed' });
    proxy.plan = () => undefined;
    assert.ok(store instanceof S3Store);
    assert.equal(await store.sweep(3_600_000), 0);
    const late = await S3Store.open(
      { clock: { now: () => clock.now() + 7_200_000 } },
      store.url,
      { bucket: 'checkpoints', prefix: `swept-${stores}/`, endpoint: server.endpoint },
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
