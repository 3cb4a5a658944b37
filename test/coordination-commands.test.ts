import assert from 'node:assert/strict';
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The commands as a user starts them: a coordinator beyond this machine, with all that keeps strangers out, and what talks to it. */

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const PROGRAM = ['--disable-warning=ExperimentalWarning', MAIN, 'coordinator'];
const running = new Set<ChildProcess>();
let folder = '';
let token = '';
let hookPath = '';
let port = 0;
let relayPort = 0;
let server: ChildProcess;

async function output(...args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [...PROGRAM, ...args])).stdout.trim();
}

/** A role; it has said where it listens. */
async function begin(...args: string[]): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [...PROGRAM, ...args], { stdio: ['ignore', 'inherit', 'pipe'] });
  running.add(child);
  const [line] = (await once(createInterface({ input: child.stderr }), 'line')) as [string];
  return { child, port: (JSON.parse(line) as { port: number }).port };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  running.delete(child);
  child.kill(signal);
  return ((await once(child, 'exit')) as [number | null])[0];
}

const at = (name: string): string => join(folder, name);
const secret = (): string[] => ['--token-secret-file', at('secret')];
const certificate = (): string[] => [
  '--tls-ca',
  at('cert.pem'),
  '--tls-cert',
  at('cert.pem'),
  '--tls-key',
  at('key.pem'),
];

async function serve(): Promise<void> {
  const times = ['--wait-timeout', '20', '--hook-timeout', 'post-dump=0.5'];
  const kept = ['--state', at('coordinator.db')];
  const started = await begin(
    'serve',
    '-a',
    '0.0.0.0',
    '-p',
    String(port),
    ...certificate(),
    ...secret(),
    ...times,
    ...kept,
  );
  server = started.child;
  port = started.port;
}

async function hook(id: string, action: string, session = 'job'): Promise<string> {
  const child = spawn(hookPath, [], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env.PATH ?? '',
      FERMATA_COORDINATOR_CONFIG: at('none'),
      FERMATA_COORDINATOR_PORT: String(relayPort),
      FERMATA_COORDINATOR_SESSION: session,
      FERMATA_COORDINATOR_GROUP: 'ranks',
      FERMATA_COORDINATOR_MEMBERS: '2',
      FERMATA_COORDINATOR_TOKEN: token,
      FERMATA_COORDINATOR_ID: id,
      CRTOOLS_SCRIPT_ACTION: action,
      CRTOOLS_IMAGE_DIR: folder,
    },
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const [status] = (await once(child, 'close')) as [number];
  return status === 0 ? 'passed' : said.trim();
}

const both = (action: string): Promise<string[]> => Promise.all(['a', 'b'].map((id) => hook(id, action)));

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-coordinator-'));
  writeFileSync(at('secret'), 'not to be guessed by anybody\n');
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'key.pem',
    '-out',
    'cert.pem',
  ];
  const subject = ['-days', '1', '-subj', '/CN=one', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...key, ...subject], { cwd: folder, stdio: 'ignore' });
  hookPath = await output('hook');
  token = await output('token', ...secret(), '--session', 'job', '--expires', '600');
  await serve();
  const relay = await begin('relay', '--server', `127.0.0.1:${port}`, '-p', '0', ...certificate());
  relayPort = relay.port;
});
after(async () => {
  for (const child of running) await end(child, 'SIGKILL');
  rmSync(folder, { recursive: true });
});

test('a coordinator that is killed between the hooks and started again goes on; status and metrics tell', async () => {
  assert.deepEqual(await both('pre-dump'), ['passed', 'passed']);
  await end(server, 'SIGKILL');
  await serve();
  assert.deepEqual(await both('post-dump'), ['passed', 'passed']);
  const asked = ['status', '-p', String(relayPort), '--session', 'job', '--token', token];
  const [head = '', row = ''] = (await output(...asked)).split('\n');
  assert.match(head, /^GROUP +MEMBERS +OPERATION +VERDICT +WAITING +REASON/);
  assert.match(row, /^job\/ranks +2\/2 +Dump +Committed +0/);
  const [group] = JSON.parse(await output(...asked, '--output', 'json')).groups;
  assert.deepEqual([group.size, group.verdict, group.members], [2, 'Committed', { a: 3, b: 3 }]);
  const metrics = await (await fetch(`http://127.0.0.1:${relayPort}/metrics`)).text();
  assert.match(metrics, /^fermata_coordinator_rounds_committed_total 1$/m);
});

test('one hook may have a time of its own, and who is missing then is named', async () => {
  assert.deepEqual(await both('pre-dump'), ['passed', 'passed']);
  assert.equal(await hook('a', 'post-dump'), 'fermata: post-dump: aborted: post-dump waited 0.5 s in vain for b');
});

test('a token admits to its session, and to no other; without one nothing is told', async () => {
  assert.equal(await hook('a', 'pre-dump', 'other'), 'fermata: pre-dump: not admitted');
  await assert.rejects(output('status', '-p', String(relayPort)), /said "not admitted"/);
});

test('it ends when it is told to', async () => {
  assert.equal(await end(server, 'SIGTERM'), 0);
});

const REFUSED: Readonly<Record<string, [args: string[], says: RegExp]>> = {
  'beyond this machine without protection': [['-a', '0.0.0.0', '-p', '0'], /CoordinatorExposed|without protection/],
  'with a certificate and no key': [['--tls-cert', 'x'], /--tls-cert and --tls-key go together/],
  'with a store and no keys': [['--store', '/x', '--images', '/y'], /--store needs --images and --keys/],
  'with a time that is none': [['--hook-timeout', 'post-dump'], /is not HOOK=SECONDS/],
};
for (const [how, [args, says]] of Object.entries(REFUSED)) {
  test(`it does not start ${how}`, async () => {
    await assert.rejects(output('serve', ...args), says);
  });
}
