import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock, seededRandom } from '../../clock/index.ts';
import { HttpStore, Registry } from '../../kubernetes/index.ts';
import { storeCompliance } from '../../kubernetes/testing.ts';
import { SqliteBacking } from './sqlite-backing.ts';
import { TestServer } from './test-server.ts';

storeCompliance('the registry over SQLite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fermata-compliance-'));
  const backing = new SqliteBacking(join(directory, 'state.db'));
  const store = new Registry({ backing, clock: new SystemClock(), random: seededRandom(1) });
  return {
    store,
    cleanup: async () => {
      store.close();
      await rm(directory, { recursive: true });
    },
  };
});

storeCompliance('the HTTP client against the API server', async () => {
  const server = await TestServer.start();
  const store = new HttpStore({ server: server.url, ca: server.authority, token: server.token });
  return {
    store,
    cleanup: async () => {
      await store.close();
      await server[Symbol.asyncDispose]();
    },
  };
});
