import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OciStore } from '../../src/checkpoint/index.ts';
import { blobStoreCompliance, collect, pattern } from '../../src/checkpoint/testing.ts';
import { SystemClock } from '../../src/clock/index.ts';
import { FaultProxy } from './fault-proxy.ts';
import { RegistryServer } from './registry-server.ts';

const PART = 8 * 1024 * 1024;
const clock = new SystemClock();
const body = pattern(3 * PART + 1000);
let server: RegistryServer;
let proxy: FaultProxy;
let proxyHost: string;
let repositories = 0;

before(async () => {
  server = await RegistryServer.start();
  proxy = new FaultProxy(server.port);
  proxyHost = `127.0.0.1:${await proxy.start()}`;
});

after(async () => {
  await proxy?.stop();
  await server?.stop();
});

blobStoreCompliance('OCI registry', async () => {
  const location = { host: server.host, repository: `compliance/${++repositories}` };
  const store = new OciStore({ clock }, location);
  return { store, again: async () => new OciStore({ clock }, location), close: () => store.close() };
});

async function withFaults(
  check: (store: OciStore) => Promise<void>,
  plan: FaultProxy['plan'] = () => undefined,
): Promise<void> {
  const store = new OciStore({ clock }, { host: proxyHost, repository: `faults/${++repositories}` });
  proxy.seen.length = 0;
  proxy.plan = plan;
  try {
    await check(store);
  } finally {
    proxy.plan = () => undefined;
    await store.close();
  }
}

async function readBack(store: OciStore, key: string): Promise<void> {
  assert.ok(Buffer.from(await collect(store.get(key))).equals(body));
}

test('a registry that answers 503 to every third request is written and read all the same', () => {
  let count = 0;
  return withFaults(
    async (store) => {
      await store.put('k', body);
      await readBack(store, 'k');
    },
    () => (count++ % 3 === 0 ? { status: 503 } : undefined),
  );
});

const sizesSent = (): (string | undefined)[] =>
  proxy.seen
    .filter(({ method, url }) => method === 'PUT' && url.includes('digest='))
    .map(({ headers }) => headers['content-length'])
    .sort();

test('a part that is cut on its way is sent again, and no other', () => {
  let cut = false;
  return withFaults(
    async (store) => {
      await store.put('k', body);
      await readBack(store, 'k');
      assert.deepEqual(sizesSent(), ['1000', '2', ...Array.from({ length: 4 }, () => String(PART))]);
    },
    ({ method, headers }) => {
      if (cut || method !== 'PUT' || headers['content-length'] !== String(PART)) return undefined;
      cut = true;
      return { cutRequestAfter: PART / 2 };
    },
  );
});

test('what of a blob arrived is not sent again by the next put of it', () =>
  withFaults(async (store) => {
    let puts = 0;
    proxy.plan = ({ method, url }) =>
      method === 'PUT' && url.includes('digest=') && ++puts > 2 ? { status: 500 } : undefined;
    await assert.rejects(store.put('k', body), { code: 'StoreFailed' });
    assert.equal(await store.head('k'), undefined);
    proxy.plan = () => undefined;
    proxy.seen.length = 0;
    await store.put('k', body);
    assert.deepEqual(sizesSent(), ['1000', '2', String(PART)]);
    await readBack(store, 'k');
  }));

test('answers of an upload that are lost do no harm', () => {
  const lost = new Set<string>();
  return withFaults(
    async (store) => {
      await store.put('k', body);
      await readBack(store, 'k');
    },
    ({ method, url }) => {
      const what = `${method} ${url.replace(/.*digest=/, '')}`;
      if (lost.has(what) || method !== 'PUT') return undefined;
      lost.add(what);
      return 'answer lost';
    },
  );
});

test('a registry that is slow is waited for', () =>
  withFaults(
    async (store) => {
      await store.put('k', body);
      await readBack(store, 'k');
    },
    () => ({ slowMilliseconds: 5 }),
  ));

test('a download that is cut is gone on with where it ended', () =>
  withFaults(async (store) => {
    await store.put('k', body);
    let cuts = 0;
    proxy.plan = ({ method, url }) =>
      method === 'GET' && url.includes('/blobs/') && cuts++ < 3 ? { cutResponseAfter: PART / 2 } : undefined;
    await readBack(store, 'k');
    assert.equal(cuts, 6, 'four parts, two of them in two pieces');
  }));

test('a registry that stays broken is an error that names it, and nothing is there', () =>
  withFaults(async (store) => {
    proxy.plan = ({ method }) => (method === 'PUT' ? { status: 500 } : undefined);
    await assert.rejects(store.put('k', body), { code: 'StoreFailed' });
    proxy.plan = () => undefined;
    assert.equal(await store.head('k'), undefined);
  }));

test('a registry that wants a login gets it from where docker login leaves it; without one, or a wrong one, it is denied', async () => {
  // bcrypt of "correct horse"
  const hash = '$2y$04$hvhkzVwxhWjukRgACefPE.8/26tVu0AL6H2fZiG8c3mwdPzaQ.pTq';
  const locked = await RegistryServer.start({ htpasswd: `ferma:${hash}` });
  const folder = await mkdtemp(join(tmpdir(), 'fermata-docker-'));
  const before = process.env.DOCKER_CONFIG;
  process.env.DOCKER_CONFIG = folder;
  try {
    const attempt = async (password: string | undefined): Promise<void> => {
      const auths =
        password === undefined ? {} : { [locked.host]: { auth: Buffer.from(`ferma:${password}`).toString('base64') } };
      await writeFile(join(folder, 'config.json'), JSON.stringify({ auths }));
      const store = new OciStore({ clock }, { host: locked.host, repository: 'locked' });
      try {
        await store.put('k', Buffer.from('x'));
        assert.equal(Buffer.from(await collect(store.get('k'))).toString(), 'x');
      } finally {
        await store.close();
      }
    };
    await attempt('correct horse');
    for (const wrong of [undefined, 'battery staple']) {
      await assert.rejects(attempt(wrong), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'StoreDenied');
        assert.ok(!`${error.message}${error.stack}`.includes('battery'));
        return true;
      });
    }
  } finally {
    if (before === undefined) delete process.env.DOCKER_CONFIG;
    else process.env.DOCKER_CONFIG = before;
    await rm(folder, { recursive: true, force: true });
    await locked.stop();
  }
});
