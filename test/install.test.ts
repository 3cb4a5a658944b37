import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { SystemClock } from '../src/clock/index.ts';
import { NAMESPACES, SILENT_LOG } from '../src/model/index.ts';
import { SandboxApiServer } from '../src/sandbox/index.ts';
import { OWN_COMMAND } from './sandbox-harness.ts';

const run = promisify(execFile);

test('a sandbox is no place to install into: it is refused before anything is changed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fermata-install-'));
  const server = new SandboxApiServer(
    { clock: new SystemClock(), random: Math.random, log: SILENT_LOG },
    { directory, nodeSocket: join(directory, 'node.sock') },
  );
  try {
    const { kubeconfigPath } = await server.start();
    const before = await server.registry?.list(NAMESPACES);
    for (const command of ['install', 'uninstall']) {
      const flags = [...OWN_COMMAND.arguments, command, '--kubeconfig', kubeconfigPath];
      await assert.rejects(run(OWN_COMMAND.command, flags), (error: { code: number; stderr: string }) => {
        assert.equal(error.code, 1);
        assert.match(error.stderr, /the API server does not serve .*apps\/v1.*; nothing was changed/);
        assert.match(error.stderr, /a sandbox has Fermata in it already/);
        return true;
      });
    }
    assert.deepEqual(await server.registry?.list(NAMESPACES), before);
  } finally {
    await server.stop();
    await rm(directory, { recursive: true });
  }
});
