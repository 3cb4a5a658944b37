import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { SystemClock } from '../clock/index.ts';
import { Coordinator } from './coordinator.ts';
import { HOOK_PATH } from './hook-path.ts';
import { CoordinationRelay } from './relay.ts';
import { CoordinationServer } from './server.ts';
import { MemoryState } from './state.ts';
import { SILENT } from './testing.ts';

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';
let folder = '';
let server: CoordinationServer;
const pem = (name: string): string => readFileSync(join(folder, name), 'utf8');

/** An authority, and a certificate of it for each name. */
function certify(): void {
  const run = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  run('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '1', '-subj', '/CN=authority');
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1\n');
  for (const name of ['server', 'member']) {
    run('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'names'];
    run('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed);
  }
}

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'fermata-relay-'));
  certify();
  const parts = { clock: new SystemClock(), log: SILENT };
  const coordinator = new Coordinator({ ...parts, state: new MemoryState() }, { waitMilliseconds: 500 });
  const tls = { cert: pem('server.pem'), key: pem('server.key'), ca: pem('ca.pem') };
  // With certificates it may listen for everybody.
  server = new CoordinationServer({ ...parts, coordinator }, { address: '0.0.0.0', port: 0, tls });
  await server.start();
});
after(async () => {
  if (skip !== false) return;
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function relay(tls: { ca: string; cert?: string; key?: string }): Promise<CoordinationRelay> {
  const one = new CoordinationRelay(SILENT, { port: 0, server: { address: '127.0.0.1', port: server.port }, tls });
  await one.start();
  return one;
}

async function hook(port: number, more: Record<string, string> = {}): Promise<number> {
  const child = spawn(HOOK_PATH, [], {
    stdio: 'ignore',
    env: {
      PATH: process.env.PATH ?? '',
      FERMATA_COORDINATOR_CONFIG: join(folder, 'none'),
      FERMATA_COORDINATOR_PORT: String(port),
      FERMATA_COORDINATOR_ID: 'A',
      CRTOOLS_SCRIPT_ACTION: 'pre-dump',
      CRTOOLS_IMAGE_DIR: folder,
      ...more,
    },
  });
  const [status] = (await once(child, 'exit')) as [number];
  return status;
}

test('a hook reaches a coordinator behind mutual TLS by the relay of its machine', { skip }, async () => {
  const one = await relay({ ca: pem('ca.pem'), cert: pem('member.pem'), key: pem('member.key') });
  assert.equal(await hook(one.port), 0);
  assert.equal(await hook(one.port, { FERMATA_COORDINATOR_DEPENDENCIES: 'B' }), 1, 'a refusal comes through too');
  await one.stop();
});

test('without a certificate of the authority the hook fails closed', { skip }, async () => {
  const one = await relay({ ca: pem('ca.pem') });
  assert.equal(await hook(one.port), 1);
  await one.stop();
});

test('what does not speak TLS, or has no certificate, gets no answer', { skip }, async () => {
  const request = JSON.stringify({ id: 'A', action: 'pre-dump', dependencies: '' });
  const plain = connect(server.port, '127.0.0.1');
  const stranger = connectTls({ port: server.port, host: '127.0.0.1', ca: pem('ca.pem') });
  for (const socket of [plain, stranger]) {
    let said = '';
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1');
    });
    socket.write(request);
    await new Promise((resolve) => {
      socket.once('close', resolve);
    });
    assert.doesNotMatch(said, /ACK/);
  }
});
