import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** The coordinator as a process of its own, with connections enough to exhaust one that counts on its clients' manners. */

const CONNECTIONS = 10_000;
const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
/** Opens so many connections that say nothing, tells how many are open, and holds them until its input ends. */
const IDLER = `
const { connect } = require('node:net');
let open = 0, asked = 0;
const more = () => {
  if (asked === ${CONNECTIONS}) return;
  asked++;
  const socket = connect(Number(process.argv[1]), '127.0.0.1', () => {
    open++;
    if (open === ${CONNECTIONS}) console.log('open');
    more();
  });
  socket.on('error', (error) => { console.log(error.message); process.exit(1); });
};
for (let lane = 0; lane < 64; lane++) more();
process.stdin.on('end', () => process.exit()).resume();
`;

let server: ChildProcess;
let port = 0;

/** Each connection takes a descriptor; what a login allows is less on some machines. */
function roomy(args: readonly string[]): ChildProcess {
  const script = 'ulimit -n 12000 || exit 9; exec "$0" "$@"';
  return spawn('sh', ['-c', script, process.execPath, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** What the process says first; all that it says later is let go. */
async function firstLine(output: Readable | null): Promise<string> {
  assert.ok(output);
  const [line] = (await once(createInterface({ input: output }), 'line')) as [string];
  return line;
}

before(async () => {
  server = roomy(['--disable-warning=ExperimentalWarning', MAIN, 'coordinator', 'serve', '--port', '0']);
  port = Number((JSON.parse(await firstLine(server.stderr)) as { port: number }).port);
});

after(async () => {
  server.kill('SIGTERM');
  if (server.exitCode === null) await once(server, 'exit');
});

async function send(text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let reply = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    reply += part;
  });
  socket.write(text);
  await once(socket, 'close');
  return reply;
}

const preDump = (id: string): string => JSON.stringify({ id, action: 'pre-dump', dependencies: '' });

test('ten thousand idle connections keep nobody from being answered', async () => {
  const idler = roomy(['-e', IDLER, String(port)]);
  try {
    assert.equal(await firstLine(idler.stdout), 'open');
    assert.equal(await send(preDump('A')), 'ACK');
    assert.match(await send('GET /metrics HTTP/1.1\r\n\r\n'), /200 OK/);
  } finally {
    idler.stdin?.end();
    if (idler.exitCode === null) await once(idler, 'exit');
  }
  assert.equal(await send(preDump('B')), 'ACK');
});

test('who asks for much and reads none of it holds up nobody, and is let go', async () => {
  const members = Array.from({ length: 5_000 }, (_, index) => `${'m'.repeat(180)}${index}`);
  assert.equal(await send(JSON.stringify({ id: 'fermata', action: 'add-group', group: 'g', members })), 'ACK');
  const arrivals = { action: 'pre-dump', dependencies: '', group: 'g', members: members.length };
  const waiting = members.slice(0, 200).map((id) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined).write(JSON.stringify({ ...arrivals, id }));
    return socket;
  });
  const lazy = Array.from({ length: 200 }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined).pause();
    socket.write('{"id":"fermata","action":"status"}'.repeat(60));
    return socket;
  });
  assert.equal(await send(preDump('C')), 'ACK');
  for (const socket of [...waiting, ...lazy]) socket.destroy();
  assert.equal(await send(preDump('D')), 'ACK');
});
