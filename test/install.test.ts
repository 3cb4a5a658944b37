import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { SystemClock } from '../src/clock/index.ts';
import {
  DEFAULT_OPTIONS,
  type DeploymentOptions,
  type Manifest,
  manifestFiles,
  withStorage,
} from '../src/deployment/index.ts';
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

test('what the manifests tell the agent, the agent understands; of keys that are not there it says where it looked', async () => {
  const storage = {
    ...{ url: 's3://bucket/prefix', allow: ['s3://team'], keysSecret: 'keys', recipientsConfigMap: 'readers' },
    ...{ s3CredentialsSecret: 's3', registryCredentialsSecret: 'registry', localCopies: 'wipe', diskHigh: '85%' },
  };
  const daemonSet = workloadsOf(withStorage(DEFAULT_OPTIONS, storage)).find(({ kind }) => kind === 'DaemonSet');
  assert.ok(daemonSet !== undefined);
  const { template } = daemonSet.spec as { template: { spec: { containers: { args: string[] }[] } } };
  const [container] = template.spec.containers;
  await assert.rejects(
    run(OWN_COMMAND.command, [...OWN_COMMAND.arguments, ...(container?.args ?? [])]),
    (error: { stderr: string }) => {
      assert.match(error.stderr, /\/etc\/fermata\/keys/);
      return true;
    },
  );
});

test('a store’s companions without a store are a mistake', async () => {
  const flags = [...OWN_COMMAND.arguments, 'install', '--recipients', 'readers', '--kubeconfig', '/nowhere'];
  await assert.rejects(run(OWN_COMMAND.command, flags), (error: { code: number; stderr: string }) => {
    assert.match(error.stderr, /--recipients needs --store/);
    return true;
  });
});

function workloadsOf(options: DeploymentOptions): Manifest[] {
  const newest = { matchConditions: true, serviceMonitors: false, selectableFields: false, validationRules: true };
  return manifestFiles(options, newest).flatMap(({ manifests }) => manifests);
}
