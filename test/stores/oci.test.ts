import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OciStore } from '../../src/checkpoint/index.ts';
import { blobStoreCompliance, collect } from '../../src/checkpoint/testing.ts';
import { SystemClock } from '../../src/clock/index.ts';
import { FaultProxy } from './fault-proxy.ts';
import { RegistryServer } from './registry-server.ts';
import { storeFaults } from './store-faults.ts';

const clock = new SystemClock();
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

storeFaults('a registry', {
  proxy: () => proxy,
  open: async () => new OciStore({ clock }, { host: proxyHost, repository: `faults/${++repositories}` }),
  partOf: ({ method, url }) => (method === 'PUT' ? /digest=([^&]+)/.exec(url)?.[1] : undefined),
  // The configuration of an image that is none is one more.
  parts: 5,
  isRead: ({ method, url }) => method === 'GET' && url.includes('/blobs/'),
});

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
