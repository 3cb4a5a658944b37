import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { importContainer } from './import-container.ts';
import { type TarSource, writeTar } from './tar-writer.ts';

const FIXTURE = join(import.meta.dirname, '..', 'fixtures', 'dump-of-sleep');
const POD = { namespace: 'team-a', name: 'thesis-0', uid: '0e5bf8e4-8ee6-4bb5-a1f9-22f8a3b3b6ae' };
let root: string;
let taken = 0;

before(() => {
  root = mkdtempSync(join(tmpdir(), 'fermata-import-'));
});
after(() => rmSync(root, { recursive: true, force: true }));

function member(path: string, content: Buffer | string): TarSource {
  const bytes = Buffer.from(content);
  async function* open(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  return { path, kind: 'file', sizeBytes: bytes.length, open };
}

const folder = (path: string): TarSource => ({ path, kind: 'directory', sizeBytes: 0 });

/** CRIU's own images, as they lie in such an archive. */
function images(): TarSource[] {
  const names = readdirSync(FIXTURE).filter((name) => name !== 'stats-dump');
  const read = (name: string): Buffer => readFileSync(join(FIXTURE, name));
  return [
    folder('checkpoint'),
    ...names.map((name) => member(`checkpoint/${name}`, read(name))),
    member('checkpoint/pages-1.img', Buffer.alloc(29 * 4096, 7)),
    member('stats-dump', read('stats-dump')),
  ];
}

/** What a container runtime writes for a kubelet: `name` is the runtime's own. */
function described(name: string, annotations: Record<string, string>): TarSource[] {
  const configuration = { id: 'a'.repeat(64), name, rootfsImageName: 'docker.io/library/sleep:1', runtime: 'runc' };
  return [
    member('config.dump', JSON.stringify(configuration)),
    member('spec.dump', JSON.stringify({ ociVersion: '1.2.0', annotations })),
  ];
}

/** The members, their order and the fields of what a kubelet with containerd 2.1 wrote, without anything of its processes. */
const CONTAINERD = [
  ...images(),
  member('checkpoint/descriptors.json', '["/dev/null","pipe:[1]","pipe:[2]"]'),
  ...described('main_thesis-0_team-a_0e5bf8e4-8ee6-4bb5-a1f9-22f8a3b3b6ae_0', {
    'io.kubernetes.cri.container-name': 'main',
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.image-name': 'docker.io/library/sleep:1',
    'io.kubernetes.cri.sandbox-id': 'b'.repeat(64),
    'io.kubernetes.cri.sandbox-name': POD.name,
    'io.kubernetes.cri.sandbox-namespace': POD.namespace,
    'io.kubernetes.cri.sandbox-uid': POD.uid,
  }),
  member('container.log', '2026-01-01T00:00:00Z stdout F a line\n'),
  member('dump.log', ''),
  member('rootfs-diff.tar', gzipSync(Buffer.alloc(1024))),
  member('status', JSON.stringify({ Version: 'v1', Pid: 7, CreatedAt: 1, StartedAt: 2, FinishedAt: 0, ExitCode: 0 })),
  member('status.dump', JSON.stringify({ id: 'a'.repeat(64), metadata: { name: 'main' }, state: 1, mounts: [] })),
];

const CRIO = [
  ...described('k8s_main_thesis-0_team-a_0e5bf8e4_0', {
    'io.container.manager': 'cri-o',
    'io.kubernetes.container.name': 'main',
    'io.kubernetes.pod.name': POD.name,
    'io.kubernetes.pod.namespace': POD.namespace,
    'io.kubernetes.pod.uid': POD.uid,
  }),
  member('bind.mounts', '[]'),
  member('io.kubernetes.cri-o.LogPath', ''),
  ...images(),
];

async function bytesOf(entries: readonly TarSource[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar([...entries])) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

for (const [maker, entries] of Object.entries({ containerd: CONTAINERD, 'CRI-O': CRIO })) {
  test(`the archive of a kubelet with ${maker} is taken in, with the names Kubernetes has for it`, async () => {
    const plain = await bytesOf(entries);
    for (const bytes of [plain, gzipSync(plain), zstdCompressSync(plain)]) {
      const directory = join(root, `taken-${++taken}`);
      const { name, pod, configuration } = await importContainer(whole(bytes), directory);
      assert.deepEqual([name, pod, configuration.rootfsImageName], ['main', POD, 'docker.io/library/sleep:1']);
      assert.deepEqual(readdirSync(directory), ['main']);
      assert.equal(readFileSync(join(directory, 'main/checkpoint/pages-1.img')).length, 29 * 4096);
      // What is of the runtime alone is not kept.
      assert.ok(!existsSync(join(directory, 'main/bind.mounts')));
    }
  });
}

const without = (path: string): TarSource[] => CONTAINERD.filter((entry) => entry.path !== path);
const refused: Record<string, [() => Promise<Buffer>, string, RegExp]> = {
  'without a configuration': [() => bytesOf(without('config.dump')), 'CheckpointIncomplete', /config\.dump/],
  'without a specification': [() => bytesOf(without('spec.dump')), 'CheckpointIncomplete', /spec\.dump/],
  'without an inventory': [() => bytesOf(without('checkpoint/inventory.img')), 'CheckpointIncomplete', /inventory/],
  'without its pages': [() => bytesOf(without('checkpoint/pages-1.img')), 'CheckpointIncomplete', /pages-1/],
  'with a file twice': [
    () => bytesOf([...CONTAINERD, member('config.dump', '{}')]),
    'ArchiveRefused',
    /"config\.dump" is in it twice/,
  ],
  'with a file that is a folder too': [
    () => bytesOf([...CONTAINERD, member('checkpoint/a', ''), member('checkpoint/a/b', '')]),
    'ArchiveRefused',
    /"checkpoint\/a" is a file and a folder/,
  ],
  'with a configuration that is none': [
    () => bytesOf([...without('config.dump'), member('config.dump', '[1]')]),
    'ArchiveRefused',
    /config\.dump is no object/,
  ],
  'with a container whose name is a path': [
    () =>
      bytesOf([
        ...without('spec.dump'),
        member('spec.dump', '{"annotations":{"io.kubernetes.container.name":"../x"}}'),
      ]),
    'ArchiveRefused',
    /no usable name/,
  ],
  'with more bytes than the disk has': [async () => hugeHeader(), 'ArchiveRefused', /unpacks to more than/],
  'that is a decompression bomb, 128 MiB in a few KiB, which claim to go on for ever': [
    async () => zstdCompressSync(Buffer.concat([hugeHeader(), Buffer.alloc(128 * 1024 * 1024)])),
    'ArchiveRefused',
    /unpacks to more than/,
  ],
  'that breaks off in the middle of its compression': [
    async () => half(zstdCompressSync(await bytesOf(CONTAINERD))),
    'ArchiveRefused',
    /decompressed|ends before/,
  ],
};

function half(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.length / 2);
}

/** Of a member of 2^52 bytes, in GNU's way for large numbers. */
function hugeHeader(): Buffer {
  const block = Buffer.alloc(512);
  block.write('checkpoint/pages-1.img', 0);
  block.write('0000600\0', 100);
  block.writeUInt8(0x80, 124);
  block.writeBigUInt64BE(2n ** 52n, 128);
  block.write('0', 156);
  block.write('ustar\0', 257);
  block.write('00', 263);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

for (const [sentence, [make, code, why]] of Object.entries(refused)) {
  test(`an archive ${sentence} is refused, and nothing of it is left`, async () => {
    const bytes = await make();
    const directory = join(root, `refused-${++taken}`);
    await assert.rejects(importContainer(whole(bytes), directory), (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.stack);
      assert.match(error.message, why);
      return true;
    });
    assert.deepEqual(
      readdirSync(root).filter((name) => name.startsWith('refused-')),
      [],
    );
  });
}
