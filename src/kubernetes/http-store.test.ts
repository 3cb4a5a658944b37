import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { VirtualClock } from '../clock/index.ts';
import { CONFIG_MAPS, POD_CHECKPOINTS, POD_DISRUPTION_BUDGETS, PODS } from '../model/index.ts';
import { type ApiError, isApiError } from './api-error.ts';
import { HttpStore, type HttpStoreOptions } from './http-store.ts';
import type { ClusterAccess } from './kubeconfig.ts';
import type { WatchEvent } from './store.ts';

interface Request {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

type Answer = (request: Request, response: ServerResponse) => void;

const KEY = { namespace: 'default', name: 'a' };
const MAP = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...KEY, uid: 'u', resourceVersion: '7' } };

function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** Serves the answers one after the other, the last one for ever, and records the requests. */
async function withServer(
  answers: Answer[],
  use: (parts: { store: HttpStore; requests: Request[]; clock: VirtualClock; url: string }) => Promise<void>,
  access: Partial<ClusterAccess> = {},
  options: HttpStoreOptions = {},
): Promise<void> {
  const requests: Request[] = [];
  const server = createServer((message, response) => {
    const parts: Buffer[] = [];
    message.on('data', (part: Buffer) => parts.push(part));
    message.on('end', () => {
      const { method = '', url = '', headers } = message;
      const request = { method, url, headers, body: Buffer.concat(parts).toString() };
      requests.push(request);
      (answers[requests.length - 1] ?? answers.at(-1))?.(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clock = new VirtualClock();
  const store = new HttpStore({ server: url, ...access }, { clock, random: () => 0, ...options });
  try {
    await use({ store, requests, clock, url });
  } finally {
    await store.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function refusal(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(isApiError(error), String(error));
  return error;
}

const PATHS: Record<string, { call: (store: HttpStore) => Promise<unknown>; request: [string, string] }> = {
  'of a core kind': { call: (s) => s.get(PODS, KEY), request: ['GET', '/api/v1/namespaces/default/pods/a'] },
  'of a named group': {
    call: (s) => s.patch(POD_CHECKPOINTS, KEY, { status: {} }, { subresource: 'status' }),
    request: ['PATCH', '/apis/fermata.dev/v1alpha1/namespaces/default/podcheckpoints/a/status'],
  },
  'of a list over all namespaces': { call: (s) => s.list(PODS), request: ['GET', '/api/v1/pods'] },
  'of a selection': {
    call: (s) =>
      s.list(PODS, { namespace: 'n', labelSelector: 'a in (b,c)', fieldSelector: 'spec.nodeName=x', limit: 5 }),
    request: [
      'GET',
      '/api/v1/namespaces/n/pods?labelSelector=a+in+%28b%2Cc%29&fieldSelector=spec.nodeName%3Dx&limit=5',
    ],
  },
  'of a binding': {
    call: (s) => s.bind({ ...KEY, uid: 'u' }, 'node-a'),
    request: ['POST', '/api/v1/namespaces/default/pods/a/binding'],
  },
};

for (const [sentence, { call, request }] of Object.entries(PATHS)) {
  test(`the path ${sentence} is Kubernetes'`, async () => {
    await withServer([json(404, {})], async ({ store, requests }) => {
      await refusal(call(store));
      assert.deepEqual([requests[0]?.method, requests[0]?.url], request);
    });
  });
}

test('the path of a server address goes before every other', async () => {
  const server: Partial<ClusterAccess> = {};
  await withServer([json(200, MAP)], async ({ requests, url }) => {
    const store = new HttpStore({ ...server, server: `${url}/clusters/one/` });
    await store.get(CONFIG_MAPS, KEY);
    await store.close();
    assert.equal(requests[0]?.url, '/clusters/one/api/v1/namespaces/default/configmaps/a');
  });
});

test('preconditions and grace of a deletion go into its body, and a Status back means it is done', async () => {
  const status = { kind: 'Status', status: 'Success', details: { name: 'a', uid: 'u' } };
  await withServer([json(200, status)], async ({ store, requests }) => {
    const deleted = await store.delete(CONFIG_MAPS, KEY, { uid: 'u', gracePeriodSeconds: 0 });
    assert.deepEqual(JSON.parse(requests[0]?.body ?? ''), {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 0,
      preconditions: { uid: 'u' },
    });
    assert.deepEqual([deleted.metadata.name, deleted.metadata.uid], ['a', 'u']);
  });
});

test('items of a list get the version and kind that standard servers leave out', async () => {
  const list = { kind: 'ConfigMapList', metadata: { resourceVersion: '9', continue: 'c' }, items: [{ metadata: KEY }] };
  await withServer([json(200, list)], async ({ store }) => {
    const page = await store.list(CONFIG_MAPS);
    assert.deepEqual(page, {
      items: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: KEY }],
      resourceVersion: '9',
      continue: 'c',
    });
  });
});

test('a server that has only an older version of a kind is asked for that one, and for the newer one again when it goes', async () => {
  const list = { apiVersion: 'policy/v1beta1', kind: 'PodDisruptionBudgetList', metadata: { resourceVersion: '5' } };
  const missing = json(404, { kind: 'Status', reason: 'NotFound', message: 'no such resource', code: 404 });
  const newer = { ...list, apiVersion: 'policy/v1', items: [{ metadata: { name: 'b' } }] };
  const answers = [missing, json(200, { ...list, items: [{ metadata: { name: 'b' } }] }), missing, json(200, newer)];
  await withServer(answers, async ({ store, requests }) => {
    assert.equal((await store.list(POD_DISRUPTION_BUDGETS)).items[0]?.apiVersion, 'policy/v1beta1');
    await assert.rejects(store.list(POD_DISRUPTION_BUDGETS), (error) => isApiError(error, 'NotFound'));
    assert.equal((await store.list(POD_DISRUPTION_BUDGETS)).items[0]?.apiVersion, 'policy/v1');
    const versions = requests.map(({ url }) => url.split('/')[3]);
    assert.deepEqual(versions, ['v1', 'v1beta1', 'v1beta1', 'v1']);
  });
});

test('a Status becomes an error with its reason, message and details', async () => {
  const details = { name: 'a', causes: [{ field: 'spec' }] };
  const status = {
    kind: 'Status',
    code: 409,
    reason: 'AlreadyExists',
    message: 'configmaps "a" already exists',
    details,
  };
  await withServer([json(409, status)], async ({ store }) => {
    const error = await refusal(store.create(CONFIG_MAPS, { metadata: KEY }));
    assert.deepEqual([error.reason, error.status, error.message], ['AlreadyExists', 409, status.message]);
    assert.deepEqual(error.details, details);
  });
});

test('an error page of something else than an API server is told by its status', async () => {
  const page: Answer = (_request, response) => {
    response.writeHead(502, { 'content-type': 'text/html' });
    response.end('<h1>Bad gateway</h1>');
  };
  await withServer([page, json(200, { kind: 'Surprise' })], async ({ store, url }) => {
    const error = await refusal(store.get(CONFIG_MAPS, KEY));
    assert.deepEqual([error.reason, error.status], ['ServiceUnavailable', 502]);
    assert.ok(error.message.includes(url));
    assert.match((await refusal(store.get(CONFIG_MAPS, KEY))).message, /not a ConfigMap/);
  });
});

test('no answer at all is ServiceUnavailable with status 0', async () => {
  const store = new HttpStore({ server: 'http://127.0.0.1:9' });
  const error = await refusal(store.get(CONFIG_MAPS, KEY));
  assert.deepEqual([error.reason, error.status], ['ServiceUnavailable', 0]);
  assert.match(error.message, /GET http:\/\/127\.0\.0\.1:9\/api\/v1\/namespaces\/default\/configmaps\/a got no answer/);
  await store.close();
  const closed = await refusal(store.get(CONFIG_MAPS, KEY));
  assert.match(closed.message, /the client was closed/);
});

test('a read waits as long as the server asks and tries again; a write is handed back', async () => {
  const busy = json(
    429,
    { kind: 'Status', code: 429, reason: 'TooManyRequests', message: 'busy' },
    { 'retry-after': '3' },
  );
  await withServer([busy, busy, json(200, MAP), busy], async ({ store, requests, clock }) => {
    const began = clock.now();
    const reading = store.get(CONFIG_MAPS, KEY);
    // The server answers in real time, the waits between are virtual.
    while (requests.length < 3) {
      if (clock.pending > 0) await clock.advance(1_000);
      else await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await reading).metadata.name, 'a');
    assert.equal(clock.now() - began, 6_000);
    const error = await refusal(store.patch(CONFIG_MAPS, KEY, {}));
    assert.deepEqual([error.reason, error.details?.retryAfterSeconds], ['TooManyRequests', 3]);
    assert.equal(requests.length, 4);
  });
});

test('an abort while the server is thinking rejects with its reason', async () => {
  await withServer([() => undefined], async ({ store, requests }) => {
    const abort = new AbortController();
    const reason = new Error('given up');
    const call = store.get(CONFIG_MAPS, KEY, { signal: abort.signal });
    while (requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort(reason);
    await assert.rejects(call, reason);
  });
});

async function collect(
  events: AsyncIterable<WatchEvent<never>>,
): Promise<{ seen: string[]; error: ApiError | undefined }> {
  const seen: string[] = [];
  try {
    for await (const event of events) seen.push(event.type);
  } catch (error) {
    assert.ok(isApiError(error), String(error));
    return { seen, error };
  }
  return { seen, error: undefined };
}

const added = `${JSON.stringify({ type: 'ADDED', object: MAP })}\n`;

const WATCHES: Record<string, { lines: string; cut?: boolean; seen: string[]; error: string | undefined }> = {
  'ends quietly when the server ends it': { lines: added, seen: ['ADDED'], error: undefined },
  'tells bookmarks': {
    lines: `${added}{"type":"BOOKMARK","object":{"kind":"ConfigMap","metadata":{"resourceVersion":"12"}}}\n`,
    seen: ['ADDED', 'BOOKMARK'],
    error: undefined,
  },
  'throws what an ERROR event says': {
    lines: `${added}{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}\n`,
    seen: ['ADDED'],
    error: 'Expired',
  },
  'throws when a line is no JSON': { lines: `${added}<html>\n`, seen: ['ADDED'], error: 'Unknown' },
  'throws when an event is none': {
    lines: `${added}{"type":"ADDED","object":{}}\n`,
    seen: ['ADDED'],
    error: 'Unknown',
  },
  'throws when the connection is cut': {
    lines: `${added}{"type":"ADD`,
    cut: true,
    seen: ['ADDED'],
    error: 'ServiceUnavailable',
  },
};

for (const [sentence, { lines, cut, seen, error }] of Object.entries(WATCHES)) {
  test(`a watch ${sentence}`, async () => {
    const answer: Answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(lines, () => (cut ? response.destroy() : response.end()));
    };
    await withServer([answer], async ({ store, requests }) => {
      const result = await collect(
        store.watch(CONFIG_MAPS, { namespace: 'n', resourceVersion: '5' }) as AsyncIterable<never>,
      );
      assert.deepEqual([result.seen, result.error?.reason], [seen, error]);
      assert.equal(
        requests[0]?.url,
        '/api/v1/namespaces/n/configmaps?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=5',
      );
    });
  });
}

test('close ends an open watch and leaves no socket', async () => {
  const open: Answer = (_request, response) => {
    response.writeHead(200);
    response.write(added);
  };
  await withServer([open], async ({ store }) => {
    const events = store.watch(CONFIG_MAPS, { resourceVersion: '5' })[Symbol.asyncIterator]();
    assert.equal((await events.next()).value?.type, 'ADDED');
    const next = events.next();
    await store.close();
    assert.equal((await refusal(next)).status, 0);
  });
});

test('a token file is read again when it was replaced, at the latest after a refusal', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fermata-token-'));
  try {
    const tokenFile = join(directory, 'token');
    const put = async (token: string): Promise<void> => {
      await writeFile(`${tokenFile}.new`, token);
      await rename(`${tokenFile}.new`, tokenFile);
    };
    await put('first\n');
    const unauthorized = json(401, { kind: 'Status', code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
    await withServer(
      [json(200, MAP), unauthorized, json(200, MAP), json(200, MAP)],
      async ({ store, requests, clock }) => {
        await store.get(CONFIG_MAPS, KEY);
        await put('second');
        assert.equal((await refusal(store.get(CONFIG_MAPS, KEY))).reason, 'Unauthorized');
        await store.get(CONFIG_MAPS, KEY);
        await put('third');
        await clock.advance(61_000);
        await store.get(CONFIG_MAPS, KEY);
        assert.deepEqual(
          requests.map(({ headers }) => headers.authorization),
          ['Bearer first', 'Bearer first', 'Bearer second', 'Bearer third'],
        );
      },
      { tokenFile },
    );
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a user name and password, and headers made for each call, are sent', async () => {
  await withServer(
    [json(200, MAP)],
    async ({ store, requests }) => {
      await store.get(CONFIG_MAPS, KEY);
      assert.equal(requests[0]?.headers.authorization, `Basic ${Buffer.from('me:secret').toString('base64')}`);
      assert.equal(requests[0]?.headers['x-extra'], 'yes');
      assert.equal(requests[0]?.headers['user-agent'], 'fermata-test');
    },
    { username: 'me', password: 'secret', authorize: async () => ({ 'x-extra': 'yes' }) },
    { userAgent: 'fermata-test' },
  );
});

test('binds pass status writes and other requests that wait', async () => {
  const held: (() => void)[] = [];
  const slow: Answer = (request, response) => held.push(() => json(200, MAP)(request, response));
  const limits = { maxInFlight: 1 };
  await withServer(
    [slow],
    async ({ store, requests }) => {
      const pod = { namespace: 'default', name: 'p' };
      const all = [
        store.get(CONFIG_MAPS, KEY),
        store.patch(PODS, pod, { status: {} }, { subresource: 'status' }),
        store.get(CONFIG_MAPS, KEY),
        store.bind({ ...pod, uid: 'u' }, 'n1'),
      ];
      const ended = Promise.allSettled(all);
      for (let done = 0; done < all.length; done++) {
        while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
        held.shift()?.();
      }
      await ended;
      const order = requests.map(({ method, url }) => `${method} ${url.split('/').at(-1)}`);
      assert.deepEqual(order, ['GET a', 'POST binding', 'GET a', 'PATCH status']);
    },
    {},
    { limits },
  );
});

test('requests go through the proxy of the cluster, and act as somebody else when told to', async () => {
  const seen: string[] = [];
  const proxy = createServer((message, response) => {
    seen.push(`${message.method} ${message.url}`, String(message.headers['impersonate-user']));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(MAP));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const access = { server: 'http://cluster.invalid:6443', proxyUrl, impersonation: { 'impersonate-user': 'jane' } };
  const store = new HttpStore(access, { clock: new VirtualClock() });
  try {
    assert.equal((await store.get(CONFIG_MAPS, KEY)).metadata.name, 'a');
    assert.deepEqual(seen, ['GET http://cluster.invalid:6443/api/v1/namespaces/default/configmaps/a', 'jane']);
  } finally {
    await store.close();
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  }
});
