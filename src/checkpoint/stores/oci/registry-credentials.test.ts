import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findRegistryCredentials } from './registry-credentials.ts';

const encoded = (text: string): string => Buffer.from(text).toString('base64');

async function inHome(check: (home: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'fermata-credentials-'));
  try {
    await mkdir(join(home, '.docker'));
    await check(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

test('the most specific entry counts, and a password may have colons', () =>
  inHome(async (home) => {
    const auths = {
      'r.example': { auth: encoded('all:a:b') },
      'r.example/team': { auth: encoded('team:t') },
      'r.example/team/secret': { auth: encoded('secret:s') },
    };
    await writeFile(join(home, '.docker', 'config.json'), JSON.stringify({ auths }));
    const found = async (repository: string) => findRegistryCredentials('r.example', repository, { HOME: home });
    assert.deepEqual(await found('other'), { username: 'all', password: 'a:b' });
    assert.deepEqual(await found('team/x'), { username: 'team', password: 't' });
    assert.deepEqual(await found('team/secret'), { username: 'secret', password: 's' });
    assert.equal(await findRegistryCredentials('other.example', 'x', { HOME: home }), undefined);
  }));

test('nobody who logged in anywhere is no error', () =>
  inHome(async (home) => {
    assert.equal(await findRegistryCredentials('r.example', 'x', { HOME: join(home, 'nowhere') }), undefined);
  }));

test("podman's file is looked at too, and a named one alone", () =>
  inHome(async (home) => {
    await mkdir(join(home, 'run', 'containers'), { recursive: true });
    const write = (path: string, user: string) =>
      writeFile(join(home, path), JSON.stringify({ auths: { 'r.example': { auth: encoded(`${user}:x`) } } }));
    await write(join('run', 'containers', 'auth.json'), 'podman');
    await write(join('.docker', 'config.json'), 'docker');
    await write('named.json', 'named');
    const environment = { HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
    assert.equal((await findRegistryCredentials('r.example', 'x', environment))?.username, 'podman');
    const named = { ...environment, REGISTRY_AUTH_FILE: join(home, 'named.json') };
    assert.equal((await findRegistryCredentials('r.example', 'x', named))?.username, 'named');
  }));

test('a credential helper is asked by its standard input', () =>
  inHome(async (home) => {
    const program = join(home, 'docker-credential-test');
    await writeFile(
      program,
      '#!/bin/sh\nread -r host || true\nif [ "$host" = r.example ]; then echo "{\\"Username\\":\\"helped\\",\\"Secret\\":\\"$1\\"}"; ' +
        'else echo "credentials not found in native keychain"; exit 1; fi\n',
    );
    await chmod(program, 0o755);
    await writeFile(join(home, '.docker', 'config.json'), JSON.stringify({ credsStore: 'test' }));
    const before = process.env.PATH;
    process.env.PATH = `${home}:${before}`;
    try {
      const environment = { HOME: home };
      assert.deepEqual(await findRegistryCredentials('r.example', 'x', environment), {
        username: 'helped',
        password: 'get',
      });
      assert.equal(await findRegistryCredentials('other.example', 'x', environment), undefined);
    } finally {
      process.env.PATH = before;
    }
  }));
