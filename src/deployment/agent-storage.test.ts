import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AgentParts, agentStorage, type StorageOptions } from './agent-storage.ts';
import { DEFAULT_OPTIONS, withStorage } from './options.ts';
import { workloads } from './workloads.ts';

const BARE: StorageOptions = {
  url: 's3://bucket/prefix',
  allow: [],
  keysSecret: 'keys-of-mine',
  recipientsConfigMap: undefined,
  s3CredentialsSecret: undefined,
  registryCredentialsSecret: undefined,
  localCopies: undefined,
  diskHigh: undefined,
};
const WHOLE: StorageOptions = {
  ...BARE,
  allow: ['s3://team', 'oci://registry/repository'],
  recipientsConfigMap: 'readers',
  s3CredentialsSecret: 's3-login',
  registryCredentialsSecret: 'registry-login',
  localCopies: 'wipe',
  diskHigh: '85%',
};

interface Container {
  args: string[];
  env: { name: string; value?: string; valueFrom?: object }[];
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}
type Volume = { name: string } & Record<string, unknown>;

function agent(options: StorageOptions): { container: Container; volumes: Volume[] } {
  const daemonSet = workloads(withStorage(DEFAULT_OPTIONS, options)).find(({ kind }) => kind === 'DaemonSet');
  assert.ok(daemonSet !== undefined);
  type Template = { template: { spec: { containers: Container[]; volumes: Volume[] } } };
  const { containers, volumes } = (daemonSet.spec as Template).template.spec;
  const [container] = containers;
  assert.ok(container !== undefined);
  return { container, volumes };
}

test('a store needs its URL and the Secret of keys', () => {
  const { container, volumes } = agent(BARE);
  assert.deepEqual(container.args.slice(-4), ['--store', 's3://bucket/prefix', '--keys', '/etc/fermata/keys']);
  assert.deepEqual(volumes.at(-1), { name: 'keys', secret: { secretName: 'keys-of-mine', defaultMode: 0o400 } });
});

test('all of it: every volume that is mounted is there, and to be read only', () => {
  const { container, volumes } = agent(WHOLE);
  const own = container.volumeMounts.filter(({ name }) => name !== 'host');
  assert.deepEqual(
    own.map(({ name }) => name),
    ['keys', 'recipients', 'registry'],
  );
  for (const { name, readOnly } of own) {
    assert.equal(readOnly, true);
    assert.ok(
      volumes.some((volume) => volume.name === name),
      name,
    );
  }
  assert.deepEqual(container.args.slice(-9), [
    ...['--allow-store', 's3://team', 'oci://registry/repository'],
    ...['--encrypt-to', '/etc/fermata/recipients/recipients.txt'],
    ...['--local-copies', 'wipe', '--disk-high', '85%'],
  ]);
  assert.equal(container.env.find(({ name }) => name === 'DOCKER_CONFIG')?.value, '/etc/fermata/registry');
});

test('credentials come from Secrets where the clients look for them, and never stand in the manifest', () => {
  const { container } = agent(WHOLE);
  const { env } = container;
  assert.deepEqual(env.find(({ name }) => name === 'AWS_SECRET_ACCESS_KEY')?.valueFrom, {
    secretKeyRef: { name: 's3-login', key: 'AWS_SECRET_ACCESS_KEY' },
  });
  assert.deepEqual(env.find(({ name }) => name === 'AWS_SESSION_TOKEN')?.valueFrom, {
    secretKeyRef: { name: 's3-login', key: 'AWS_SESSION_TOKEN', optional: true },
  });
  assert.ok(env.every(({ name, value }) => !name.startsWith('AWS') || value === undefined));
  assert.ok(!container.args.some((arg) => arg.includes('login')));
});

test('without credentials the identity of node or service account is used: nothing is set in its way', () => {
  const parts: readonly AgentParts[] = agentStorage(BARE);
  assert.deepEqual(
    parts.flatMap(({ env }) => env),
    [],
  );
});
