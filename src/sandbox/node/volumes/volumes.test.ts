import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ConfigMap, Pod, Secret, Volume } from '../../../model/index.ts';
import type { References } from '../references.ts';
import { DiskVolumes } from './disk-volumes.ts';
import { volumeFiles } from './volume-files.ts';

const META = { uid: 'u1', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', namespace: 'ns' };
const CONFIG: ConfigMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { ...META, name: 'cm' },
  data: { a: 'A', b: 'B' },
  binaryData: { z: Buffer.from([0, 255]).toString('base64') },
};
const SECRET: Secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...META, name: 's' },
  data: { password: Buffer.from('hunter2').toString('base64') },
};
const REFERENCES: References = {
  configMap: (name) => (name === 'cm' ? CONFIG : undefined),
  secret: (name) => (name === 's' ? SECRET : undefined),
};
const NODE = { name: 'n1', hostIP: '127.0.0.1', allocatable: {} };

function podWith(...volumes: Volume[]): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...META, name: 'p', labels: { b: '2', a: '1' } },
    spec: { containers: [], volumes },
  };
}

function filesOf(volume: Volume): Record<string, string> {
  const files = volumeFiles(podWith(volume), volume, REFERENCES, NODE) ?? [];
  return Object.fromEntries(
    files.map(({ path, content, mode }) => [`${path} ${mode.toString(8)}`, Buffer.from(content).toString('latin1')]),
  );
}

const cases: Record<string, { volume: Volume; want: Record<string, string> }> = {
  'every key of a ConfigMap, binary ones too': {
    volume: { name: 'v', configMap: { name: 'cm' } },
    want: { 'a 644': 'A', 'b 644': 'B', 'z 644': '\x00\xff' },
  },
  'picked keys under their paths with their modes': {
    volume: {
      name: 'v',
      secret: { secretName: 's', defaultMode: 0o400, items: [{ key: 'password', path: 'd/pw', mode: 0o440 }] },
    },
    want: { 'd/pw 440': 'hunter2' },
  },
  'fields of the pod': {
    volume: { name: 'v', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
    want: { 'labels 644': 'a="1"\nb="2"' },
  },
  'several sources in one folder': {
    volume: {
      name: 'v',
      projected: {
        defaultMode: 0o600,
        sources: [{ configMap: { name: 'cm', items: [{ key: 'a', path: 'a' }] } }, { secret: { name: 's' } }],
      },
    },
    want: { 'a 600': 'A', 'password 600': 'hunter2' },
  },
  'nothing of what is optional and missing': {
    volume: { name: 'v', configMap: { name: 'none', optional: true } },
    want: {},
  },
};

for (const [sentence, { volume, want }] of Object.entries(cases)) {
  test(`a volume holds ${sentence}`, () => assert.deepEqual(filesOf(volume), want));
}

const refused: Record<string, { volume: Volume; says: RegExp }> = {
  'a ConfigMap that does not exist': {
    volume: { name: 'v', configMap: { name: 'none' } },
    says: /volume "v" : configmap "none" not found/,
  },
  'a key that does not exist': {
    volume: { name: 'v', secret: { secretName: 's', items: [{ key: 'x', path: 'x' }] } },
    says: /no key "x"/,
  },
  'a path that climbs out': {
    volume: { name: 'v', configMap: { name: 'cm', items: [{ key: 'a', path: '../a' }] } },
    says: /leads out of the volume/,
  },
  'an absolute path': {
    volume: { name: 'v', configMap: { name: 'cm', items: [{ key: 'a', path: '/etc/a' }] } },
    says: /leads out of the volume/,
  },
  'a source the sandbox cannot make': {
    volume: { name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
    says: /serviceAccountToken cannot be projected/,
  },
};

for (const [sentence, { volume, says }] of Object.entries(refused)) {
  test(`refused: ${sentence}`, () => assert.throws(() => filesOf(volume), { code: 'VolumeMissing', message: says }));
}

async function withDisk(use: (volumes: DiskVolumes, root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'fermata-volumes-'));
  try {
    await use(new DiskVolumes(join(root, 'pods')), root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

test('volumes on disk are private outside, have their modes inside, keep what emptyDirs hold, and go with the pod', () =>
  withDisk(async (volumes, root) => {
    const pod = podWith({ name: 'e', emptyDir: {} }, { name: 's', secret: { secretName: 's' } });
    const files = new Map([['s', [{ path: 'd/pw', content: Buffer.from('x'), mode: 0o440 }]]]);
    const folders = await volumes.prepare(pod, files);
    const empty = folders.e ?? '';
    await writeFile(join(empty, 'kept'), 'kept');
    assert.deepEqual(await volumes.prepare(pod, files), folders);
    assert.equal(await readFile(join(empty, 'kept'), 'utf8'), 'kept');
    assert.equal((await stat(empty)).mode & 0o777, 0o777);
    assert.equal((await stat(join(folders.s ?? '', 'd/pw'))).mode & 0o777, 0o440);
    assert.equal((await stat(join(root, 'pods', 'u1'))).mode & 0o777, 0o700);
    assert.deepEqual(await volumes.list(), ['u1']);
    await volumes.remove('u1');
    await volumes.remove('u1');
    assert.deepEqual(await readdir(join(root, 'pods')), []);
  }));

test('host paths are made or checked by their type, and links are resolved', () =>
  withDisk(async (volumes, root) => {
    const prepare = async (path: string, type?: string): Promise<string | undefined> => {
      const hostPath = { path, ...(type === undefined ? {} : { type }) };
      return (await volumes.prepare(podWith({ name: 'h', hostPath }), new Map())).h;
    };
    assert.equal(await prepare(join(root, 'a/b'), 'DirectoryOrCreate'), join(root, 'a/b'));
    assert.equal(await prepare(join(root, 'f'), 'FileOrCreate'), join(root, 'f'));
    await symlink(join(root, 'a'), join(root, 'link'));
    assert.equal(await prepare(join(root, 'link'), 'Directory'), join(root, 'a'));
    await assert.rejects(prepare(join(root, 'f'), 'Directory'), {
      code: 'VolumeMissing',
      message: /is not a Directory/,
    });
    await assert.rejects(prepare(join(root, 'none'), 'File'), { code: 'VolumeMissing', message: /does not exist/ });
    await assert.rejects(prepare('relative'), { code: 'VolumeMissing', message: /must be absolute/ });
    await assert.rejects(prepare('/tmp/../etc'), { code: 'VolumeMissing', message: /without ".."/ });
  }));

test('a kind of volume the sandbox does not have is refused by its name', () =>
  withDisk(async (volumes) => {
    const pod = podWith({ name: 'v', persistentVolumeClaim: { claimName: 'x' } });
    await assert.rejects(volumes.prepare(pod, new Map()), {
      code: 'VolumeMissing',
      message: /volume "v": persistentVolumeClaim is not supported/,
    });
  }));
