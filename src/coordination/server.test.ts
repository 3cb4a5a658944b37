import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SystemClock } from '../clock/index.ts';
import { Coordinator, type CoordinatorOptions } from './coordinator.ts';
import { HOOK_PATH } from './hook-path.ts';
import { CoordinationServer } from './server.ts';
import { type CoordinationState, MemoryState, SqliteState } from './state.ts';
import { SILENT } from './testing.ts';

let folder = '';
const running = new Set<CoordinationServer>();
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-coordination-'));
});
after(async () => {
  await Promise.all([...running].map((server) => server.stop()));
  rmSync(folder, { recursive: true });
});

async function serve(
  options: CoordinatorOptions = {},
  state: CoordinationState = new MemoryState(),
  port = 0,
): Promise<CoordinationServer> {
  const parts = { clock: new SystemClock(), log: SILENT };
  const coordinator = new Coordinator({ ...parts, state }, options);
  const server = new CoordinationServer({ ...parts, coordinator }, { address: '127.0.0.1', port });
  await server.start();
  running.add(server);
  return server;
}

/** Everything the server says until it closes. */
async function said(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  socket.on('error', () => undefined);
  await new Promise((resolve) => {
    socket.once('close', resolve);
  });
  return text;
}

async function send(server: CoordinationServer, ...pieces: (string | Buffer)[]): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  socket.setNoDelay(true);
  const reply = said(socket);
  for (const piece of pieces) {
    await new Promise((resolve) => {
      socket.write(piece, resolve);
    });
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  return reply;
}

const preDump = (id: string, dependencies = ''): string => JSON.stringify({ id, action: 'pre-dump', dependencies });

async function hook(environment: Record<string, string>): Promise<{ status: number; errors: string }> {
  const child = spawn(HOOK_PATH, [], {
    env: { PATH: process.env.PATH ?? '', FERMATA_COORDINATOR_CONFIG: join(folder, 'none'), ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [status] = (await once(child, 'close')) as [number];
  return { status, errors };
}

test('a request is answered with the bare word, and the connection is closed behind it', async () => {
  assert.equal(await send(await serve(), preDump('A')), 'ACK');
});

test('a request in pieces, and two requests in one write, are answered', async () => {
  const server = await serve();
  const request = preDump('Ä{"]}');
  assert.equal(
    await send(
      server,
      ...Buffer.from(request)
        .toString('latin1')
        .split('')
        .map((c) => Buffer.from(c, 'latin1')),
    ),
    'ACK',
  );
  assert.equal(await send(server, preDump('A') + preDump('B')), 'ACKACK');
  assert.equal(await send(server, preDump('A') + preDump('B').slice(0, 9), preDump('B').slice(9)), 'ACKACK');
});

test('what is no request is closed without a word, and the next one is answered', async () => {
  const server = await serve();
  const hostile = [
    'hello',
    '\u0000\u00ff',
    '{}',
    '[1]',
    '{"id":1,"action":"pre-dump","dependencies":""}',
    '{"id":"A","action":"pre-dump","dependencies":{"a":"b"}}',
    '{"id":"A","action":"pre-dump","dependencies":"","members":1e99,"group":"g"}',
    '{"id":"A" "action"}',
    `{"id":"${'x'.repeat(5_000)}","action":"pre-dump","dependencies":""}`,
    `{"id":"A","action":"pre-dump","dependencies":"${'b:'.repeat(20_000)}"}`,
    `{"a":${'['.repeat(100_000)}`,
    `{"id":"A","action":"pre-dump","x":"${'y'.repeat(1_100_000)}`,
    'GET / HTTP/1.1\r\n\r\n'.slice(0, 9),
  ];
  const ends = hostile.map(async (bytes) => {
    const socket = connect(server.port, '127.0.0.1');
    const reply = said(socket);
    socket.write(bytes);
    setTimeout(() => socket.end(), 50);
    return reply;
  });
  assert.deepEqual(new Set(await Promise.all(ends)), new Set(['']));
  assert.equal(await send(server, preDump('A')), 'ACK');
});

test('a mebibyte of members in one message is taken', async () => {
  const server = await serve();
  const members = Array.from({ length: 5_000 }, (_, index) => `${'m'.repeat(180)}${index}`);
  const message = JSON.stringify({ id: 'fermata', action: 'add-group', session: 's', group: 'g', members });
  assert.ok(message.length > 900_000 && message.length < 1_048_576);
  assert.equal(await send(server, message), 'ACK');
});

test('a client that hangs up before its reply poisons nothing', async () => {
  const server = await serve({ waitMilliseconds: 60_000 });
  for (let count = 0; count < 20; count++) {
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(preDump('A', 'never'));
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    socket.resetAndDestroy();
  }
  assert.equal(await send(server, preDump('B')), 'ACK');
});

test('hundreds of idle connections keep nobody from being answered', async () => {
  const server = await serve();
  const idle = Array.from({ length: 500 }, () => connect(server.port, '127.0.0.1'));
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  assert.equal(await send(server, preDump('A')), 'ACK');
  for (const socket of idle) socket.destroy();
});

test('a server without protection does not listen beyond this machine', async () => {
  const parts = { clock: new SystemClock(), log: SILENT };
  const coordinator = new Coordinator({ ...parts, state: new MemoryState() });
  const server = new CoordinationServer({ ...parts, coordinator }, { address: '0.0.0.0', port: 0 });
  await assert.rejects(server.start(), { code: 'CoordinatorExposed' });
});

test('localhost and ::1 are addresses to listen on', async () => {
  for (const address of ['localhost', '::1']) {
    const parts = { clock: new SystemClock(), log: SILENT };
    const coordinator = new Coordinator({ ...parts, state: new MemoryState() });
    const server = new CoordinationServer({ ...parts, coordinator }, { address, port: 0 });
    await server.start();
    await server.stop();
  }
});

test('metrics and status are served by HTTP on the same port', async () => {
  const server = await serve();
  await send(server, JSON.stringify({ id: 'A', action: 'pre-dump', session: 's', group: 'g', members: 1 }));
  assert.match(
    await send(server, 'GET /metrics HTTP/1.1\r\n', '\r\n'),
    /fermata_coordinator_barriers_passed_total 1\n/,
  );
  const status = (await send(server, 'GET /status HTTP/1.1\r\n\r\n')).split('\r\n\r\n')[1] ?? '';
  assert.deepEqual(JSON.parse(status).groups[0].members, { A: 1 });
  for (const path of ['/healthz', '/readyz']) {
    assert.match(await send(server, `GET ${path} HTTP/1.1\r\n\r\n`), /^HTTP\/1\.1 200 OK\r\n/);
  }
});

test('the hook passes its barriers, and fails the dump when it is refused', async () => {
  const server = await serve({ waitMilliseconds: 300 });
  const port = { FERMATA_COORDINATOR_PORT: String(server.port), CRTOOLS_IMAGE_DIR: folder };
  const ask = (action: string, id: string, more: Record<string, string> = {}) =>
    hook({ ...port, CRTOOLS_SCRIPT_ACTION: action, FERMATA_COORDINATOR_ID: id, ...more });
  assert.deepEqual(await ask('pre-dump', 'A'), { status: 0, errors: '' });
  assert.deepEqual(await ask('setup-namespaces', 'A'), { status: 0, errors: '' });
  const refused = await ask('pre-dump', 'A', { FERMATA_COORDINATOR_DEPENDENCIES: 'B' });
  assert.deepEqual(refused, { status: 1, errors: 'fermata: pre-dump: timeout\n' });
  const group = { FERMATA_COORDINATOR_SESSION: 's', FERMATA_COORDINATOR_GROUP: 'g', FERMATA_COORDINATOR_MEMBERS: '2' };
  const both = await Promise.all(['A', 'B'].map((id) => ask('pre-dump', id, group)));
  assert.deepEqual(
    both.map(({ status }) => status),
    [0, 0],
  );
  const alone = await ask('post-dump', 'A', group);
  assert.equal(alone.status, 1);
  assert.match(alone.errors, /aborted: post-dump waited 0\.3 s in vain for B/);
});

test('the hook fails closed when there is no coordinator, and open only when told so', async () => {
  const server = await serve();
  const { port } = server;
  await server.stop();
  running.delete(server);
  const environment = {
    FERMATA_COORDINATOR_PORT: String(port),
    CRTOOLS_SCRIPT_ACTION: 'pre-dump',
    CRTOOLS_IMAGE_DIR: folder,
    FERMATA_COORDINATOR_ID: 'A',
  };
  const closed = await hook(environment);
  assert.equal(closed.status, 1);
  assert.match(closed.errors, /no coordinator at 127\.0\.0\.1/);
  assert.equal((await hook({ ...environment, FERMATA_COORDINATOR_FAIL_OPEN: 'true' })).status, 0);
});

test('the hook takes its settings from the image folder, and a missing address from the global file', async () => {
  const server = await serve();
  const images = mkdtempSync(join(folder, 'images-'));
  const globalFile = join(images, 'global.json');
  writeFileSync(join(images, 'criu-coordinator.json'), '{ "id": "A", "dependencies": "" }');
  writeFileSync(globalFile, JSON.stringify({ address: '127.0.0.1', port: String(server.port), dependencies: {} }));
  const environment = { CRTOOLS_SCRIPT_ACTION: 'pre-dump', CRTOOLS_IMAGE_DIR: images };
  assert.deepEqual(await hook({ ...environment, FERMATA_COORDINATOR_CONFIG: globalFile }), { status: 0, errors: '' });
});

test('with a global file the hook is the member its process is named after, on every later hook too', async () => {
  const server = await serve();
  const images = mkdtempSync(join(folder, 'images-'));
  const globalFile = join(images, 'global.json');
  const process_ = spawn('sleep', ['60']);
  const settings = { address: '127.0.0.1', port: String(server.port), dependencies: { other: ['x'], sleep: [] } };
  writeFileSync(globalFile, JSON.stringify(settings, null, 2));
  const environment = { CRTOOLS_IMAGE_DIR: images, CRTOOLS_INIT_PID: String(process_.pid) };
  const first = await hook({
    ...environment,
    CRTOOLS_SCRIPT_ACTION: 'pre-dump',
    FERMATA_COORDINATOR_CONFIG: globalFile,
  });
  // The global file is gone, as on another machine: what stands beside the images suffices.
  const later = await hook({ ...environment, CRTOOLS_SCRIPT_ACTION: 'post-dump' });
  process_.kill();
  assert.deepEqual(
    [first, later],
    [
      { status: 0, errors: '' },
      { status: 0, errors: '' },
    ],
  );
});

test('a hook whose coordinator is killed under it at post-dump asks the next one', async () => {
  const file = join(folder, 'state.db');
  const state = new SqliteState(file);
  const first = await serve({}, state);
  const { port } = first;
  const group = { session: 's', group: 'g', members: 2 };
  const ask = (id: string) => send(first, JSON.stringify({ id, action: 'pre-dump', ...group }));
  assert.deepEqual(await Promise.all([ask('A'), ask('B')]), ['ACK', 'ACK']);
  const environment = {
    FERMATA_COORDINATOR_SESSION: 's',
    FERMATA_COORDINATOR_GROUP: 'g',
    FERMATA_COORDINATOR_MEMBERS: '2',
  };
  const dumped = (id: string) =>
    hook({
      ...environment,
      FERMATA_COORDINATOR_PORT: String(port),
      CRTOOLS_SCRIPT_ACTION: 'post-dump',
      CRTOOLS_IMAGE_DIR: folder,
      FERMATA_COORDINATOR_ID: id,
    });
  const waiting = dumped('A');
  for (let tries = 0; tries < 200; tries++) {
    if ((await send(first, 'GET /status HTTP/1.1\r\n\r\n')).includes('"waiting":1')) break;
  }
  await first.stop();
  running.delete(first);
  state.close();
  const again = new SqliteState(file);
  await serve({}, again, port);
  const both = await Promise.all([waiting, dumped('B')]);
  assert.deepEqual(
    both.map(({ status, errors }) => [status, errors]),
    [
      [0, ''],
      [0, ''],
    ],
  );
  again.close();
});

test('our hook speaks the wire upstream expects: the whole request in one piece, keys in its order', async () => {
  const seen: string[] = [];
  const upstream = createServer((socket) => {
    socket.once('data', (bytes) => {
      seen.push(bytes.toString());
      socket.end('ACK');
    });
  });
  await new Promise<void>((resolve) => {
    upstream.listen(0, '127.0.0.1', resolve);
  });
  const address = upstream.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { status } = await hook({
    FERMATA_COORDINATOR_PORT: String(port),
    FERMATA_COORDINATOR_ID: 'A',
    FERMATA_COORDINATOR_DEPENDENCIES: 'B:C',
    CRTOOLS_SCRIPT_ACTION: 'network-lock',
    CRTOOLS_IMAGE_DIR: folder,
  });
  upstream.close();
  assert.equal(status, 0);
  assert.deepEqual(seen, ['{"id":"A","action":"network-lock","dependencies":"B:C"}']);
});

test('a hook whose coordinator says nothing for too long fails', async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => {
    silent.listen(0, '127.0.0.1', resolve);
  });
  const address = silent.address();
  const result = await hook({
    FERMATA_COORDINATOR_PORT: String(typeof address === 'object' && address !== null ? address.port : 0),
    FERMATA_COORDINATOR_TIMEOUT: '0.1',
    FERMATA_COORDINATOR_ID: 'A',
    FERMATA_COORDINATOR_GROUP: 'g',
    CRTOOLS_SCRIPT_ACTION: 'post-dump',
    CRTOOLS_IMAGE_DIR: folder,
  });
  for (const socket of sockets) socket.destroy();
  silent.close();
  assert.deepEqual(result, { status: 1, errors: 'fermata: post-dump: no answer within 0.1 s\n' });
});

test('the kernel asks whether a member that waits is still there', async () => {
  const server = await serve();
  const socket = connect(server.port, '127.0.0.1');
  const closed = said(socket);
  socket.write(JSON.stringify({ id: 'A', action: 'pre-dump', session: 's', group: 'g', members: 2 }));
  while (!(await send(server, 'GET /status HTTP/1.1\r\n\r\n')).includes('"waiting":1'));
  const port = server.port.toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/self/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  const timers = rows
    .filter(([, local, , state]) => local?.endsWith(`:${port}`) && state === '01')
    .map((row) => row[5]);
  // proc(5): 02 is a timer other than that of retransmission.
  assert.deepEqual(
    timers.map((timer) => timer?.slice(0, 3)),
    ['02:'],
  );
  socket.destroy();
  await closed;
});
