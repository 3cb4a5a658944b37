import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { VirtualClock } from '../../clock/index.ts';
import { loadCredentials } from './credentials.ts';
import { writeKubeconfig } from './kubeconfig-file.ts';

const DAY = 86_400_000;

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'fermata-pki-'));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('the server certificate is signed by the authority, for loopback names and addresses only', () =>
  withDirectory(async (directory) => {
    const credentials = await loadCredentials(new VirtualClock(), directory);
    const authority = new X509Certificate(credentials.authority);
    const server = new X509Certificate(credentials.server.certificate);
    assert.equal(authority.ca, true);
    assert.equal(server.ca, false);
    assert.ok(server.verify(authority.publicKey));
    assert.ok(server.checkIssued(authority));
    assert.equal(server.checkIP('127.0.0.1'), '127.0.0.1');
    assert.equal(server.checkIP('::1'), '::1');
    assert.equal(server.checkHost('localhost'), 'localhost');
    assert.equal(server.checkHost('example.org'), undefined);
    assert.equal(server.checkIP('10.0.0.1'), undefined);
    assert.deepEqual(server.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  }));

test('a second start finds the same authority, certificate and token, in files only the owner can read', () =>
  withDirectory(async (directory) => {
    const clock = new VirtualClock();
    const first = await loadCredentials(clock, directory);
    assert.deepEqual(await loadCredentials(clock, directory), first);
    for (const name of ['ca.key', 'server.key', 'token']) {
      assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name);
    }
  }));

test('a server certificate about to expire is renewed under the same authority', () =>
  withDirectory(async (directory) => {
    const clock = new VirtualClock();
    const first = await loadCredentials(clock, directory);
    await clock.advance(340 * DAY);
    const second = await loadCredentials(clock, directory);
    assert.equal(second.authority, first.authority);
    assert.equal(second.token, first.token);
    assert.notEqual(second.server.certificate, first.server.certificate);
    assert.ok(new X509Certificate(second.server.certificate).validToDate.getTime() > clock.now() + 360 * DAY);
  }));

test('a damaged key is replaced with a pair that fits', () =>
  withDirectory(async (directory) => {
    const clock = new VirtualClock();
    const first = await loadCredentials(clock, directory);
    await writeFile(join(directory, 'server.key'), 'garbage');
    const second = await loadCredentials(clock, directory);
    assert.equal(second.authority, first.authority);
    assert.notEqual(second.server.certificate, first.server.certificate);
  }));

test('the kubeconfig holds the token, and only its owner may read it', () =>
  withDirectory(async (directory) => {
    const path = join(directory, 'kubeconfig');
    writeKubeconfig(path, { url: 'https://127.0.0.1:1', authority: 'PEM', token: 'secret' });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const content = JSON.parse(await readFile(path, 'utf8'));
    assert.equal(content.clusters[0].name, 'fermata');
    assert.equal(content.users[0].user.token, 'secret');
    assert.equal(content.clusters[0].cluster.server, 'https://127.0.0.1:1');
  }));
