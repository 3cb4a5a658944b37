import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHUNK_BYTES, digestOfBytes, plainDigest } from './content-digest.ts';
import { diskFiles } from './disk-files.ts';
import { type CheckpointMetadata, sealCheckpoint, verifyCheckpoint } from './manifest.ts';
import { decodeManifest, encodeManifest } from './manifest-format.ts';
import { MemoryFiles } from './memory-files.ts';

const METADATA: CheckpointMetadata = {
  createdAt: '2026-01-01T00:00:00Z',
  containers: [
    {
      name: 'main',
      image: 'localhost/demo:latest',
      sizeBytes: 4096,
      freezingMicroseconds: 129,
      frozenMicroseconds: 20_677,
      memdumpMicroseconds: 2_226,
      memwriteMicroseconds: 1_531,
    },
  ],
  metadata: { pod: 'default/demo', uid: 'u-1' },
};

/** A directory with what a dump leaves: small images and pages of several chunks. */
async function withCheckpoint(use: (directory: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'fermata-manifest-'));
  try {
    const directory = join(root, 'checkpoint');
    await mkdir(join(directory, 'main'), { recursive: true });
    await writeFile(join(directory, 'main', 'inventory.img'), 'inventory');
    await writeFile(join(directory, 'main', 'empty.img'), '');
    await writeFile(join(directory, 'main', 'pages-1.img'), randomBytes(2 * CHUNK_BYTES + 5));
    await use(directory);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

test('a sealed checkpoint verifies, by its digest too, and says what it consists of', () =>
  withCheckpoint(async (directory) => {
    const sealed = await sealCheckpoint(directory, METADATA);
    assert.deepEqual(
      sealed.files.map(({ path, sizeBytes }) => [path, sizeBytes]),
      [
        ['main/empty.img', 0],
        ['main/inventory.img', 9],
        ['main/pages-1.img', 2 * CHUNK_BYTES + 5],
      ],
    );
    assert.deepEqual(await verifyCheckpoint(directory, sealed.digest), sealed);
    const bytes = await readFile(join(directory, 'manifest.json'));
    assert.equal(sealed.digest, plainDigest(bytes));
    assert.equal((await stat(join(directory, 'manifest.json'))).mode & 0o777, 0o600);
    const pages = await readFile(join(directory, 'main', 'pages-1.img'));
    assert.equal(sealed.files[2]?.digest, digestOfBytes(pages));
  }));

test('sealing again gives the same bytes, also over the draft that a crash left', () =>
  withCheckpoint(async (directory) => {
    const first = await sealCheckpoint(directory, METADATA);
    await writeFile(join(directory, 'manifest.json.partial'), '{"formatV');
    assert.equal((await sealCheckpoint(directory, METADATA)).digest, first.digest);
    assert.deepEqual(await verifyCheckpoint(directory, first.digest), first);
  }));

const damages: Record<string, { damage: (directory: string) => Promise<void>; code: string; says: RegExp }> = {
  'one altered byte is found, far inside a file': {
    damage: async (directory) => {
      const path = join(directory, 'main', 'pages-1.img');
      const bytes = await readFile(path);
      bytes[CHUNK_BYTES + 3] = (bytes[CHUNK_BYTES + 3] ?? 0) ^ 1;
      await writeFile(path, bytes);
    },
    code: 'CheckpointCorrupt',
    says: /main\/pages-1\.img: it was altered: its digest is sha256:[0-9a-f]{64}, expected sha256:/,
  },
  'a truncated file is incomplete, with both sizes named': {
    damage: (directory) => truncate(join(directory, 'main', 'pages-1.img'), 1000),
    code: 'CheckpointIncomplete',
    says: /main\/pages-1\.img was cut: it has 1000 of 8388613 bytes/,
  },
  'a file that grew is corrupt': {
    damage: (directory) => appendFile(join(directory, 'main', 'inventory.img'), '!'),
    code: 'CheckpointCorrupt',
    says: /main\/inventory\.img: it has 10 bytes, not 9/,
  },
  'a missing file is incomplete': {
    damage: (directory) => rm(join(directory, 'main', 'empty.img')),
    code: 'CheckpointIncomplete',
    says: /main\/empty\.img is missing/,
  },
  'a file that was added is corrupt': {
    damage: (directory) => writeFile(join(directory, 'main', 'core-2.img'), 'x'),
    code: 'CheckpointCorrupt',
    says: /main\/core-2\.img: it was added/,
  },
  'a symbolic link in the place of a file is refused, even to the same bytes': {
    damage: async (directory) => {
      const path = join(directory, 'main', 'inventory.img');
      const elsewhere = join(directory, '..', 'elsewhere');
      await writeFile(elsewhere, await readFile(path));
      await rm(path);
      await symlink(elsewhere, path);
    },
    code: 'CheckpointCorrupt',
    says: /main\/inventory\.img: it is a symbolic link/,
  },
  'a symbolic link in the place of the manifest is refused': {
    damage: async (directory) => {
      await rm(join(directory, 'manifest.json'));
      await symlink('/etc/passwd', join(directory, 'manifest.json'));
    },
    code: 'CheckpointCorrupt',
    says: /manifest\.json: it is a symbolic link/,
  },
  'a checkpoint without a manifest is incomplete': {
    damage: (directory) => rm(join(directory, 'manifest.json')),
    code: 'CheckpointIncomplete',
    says: /manifest\.json is missing/,
  },
  'a directory that is gone is incomplete': {
    damage: (directory) => rm(directory, { recursive: true }),
    code: 'CheckpointIncomplete',
    says: /there is no such directory/,
  },
  'a manifest cut in half is unreadable': {
    damage: (directory) => truncate(join(directory, 'manifest.json'), 100),
    code: 'ManifestUnreadable',
    says: /manifest\.json is not JSON/,
  },
};

for (const [sentence, { damage, code, says }] of Object.entries(damages)) {
  test(sentence, () =>
    withCheckpoint(async (directory) => {
      await sealCheckpoint(directory, METADATA);
      await damage(directory);
      await assert.rejects(verifyCheckpoint(directory), { code, message: says });
    }),
  );
}

test('a manifest that is not the expected one is refused, though the files fit it', () =>
  withCheckpoint(async (directory) => {
    const sealed = await sealCheckpoint(directory, METADATA);
    await writeFile(join(directory, 'main', 'inventory.img'), 'forged!!!');
    await sealCheckpoint(directory, METADATA);
    await assert.rejects(verifyCheckpoint(directory, sealed.digest), {
      code: 'CheckpointCorrupt',
      message: /manifest\.json: its digest is .*, expected sha256:/,
    });
  }));

test('an empty directory cannot be sealed', async () => {
  const files = new MemoryFiles();
  await files.makeDirectory('/c');
  await assert.rejects(sealCheckpoint('/c', METADATA, { files }), { code: 'CheckpointIncomplete' });
});

test('an aborted seal leaves no manifest', () =>
  withCheckpoint(async (directory) => {
    const signal = AbortSignal.abort(new Error('enough'));
    await assert.rejects(sealCheckpoint(directory, METADATA, { signal }), /enough/);
    await assert.rejects(stat(join(directory, 'manifest.json')), { code: 'ENOENT' });
  }));

test('memory and disk give the same manifest for the same bytes', () =>
  withCheckpoint(async (directory) => {
    const files = new MemoryFiles();
    for (const { path, kind } of (await diskFiles.list(directory)) ?? []) {
      if (kind === 'file') await files.write('/c', path, await readFile(join(directory, path)));
    }
    const onDisk = await sealCheckpoint(directory, METADATA);
    const inMemory = await sealCheckpoint('/c', METADATA, { files });
    assert.deepEqual(inMemory, onDisk);
    assert.deepEqual(await verifyCheckpoint('/c', onDisk.digest, { files }), onDisk);
    await diskFiles.flush(directory);
  }));

const file = { path: 'a', sizeBytes: 1, digest: `sha256:${'0'.repeat(64)}` };
const good = { formatVersion: 1, createdAt: '2026-01-01T00:00:00Z', metadata: {}, containers: [], files: [file] };
const hostile: Record<string, unknown> = {
  'is not an object': [],
  'is null': null,
  'is of a later format': { ...good, formatVersion: 2 },
  'has a creation time that is none': { ...good, createdAt: 'yesterday' },
  'climbs out of its directory': { ...good, files: [{ ...file, path: '../a' }] },
  'climbs out in the middle of a path': { ...good, files: [{ ...file, path: 'a/../../b' }] },
  'names an absolute path': { ...good, files: [{ ...file, path: '/etc/passwd' }] },
  'names itself': { ...good, files: [{ ...file, path: 'manifest.json' }] },
  'names a path with a backslash': { ...good, files: [{ ...file, path: 'a\\b' }] },
  'names a path with a NUL': { ...good, files: [{ ...file, path: 'a\0b' }] },
  'names an empty path': { ...good, files: [{ ...file, path: '' }] },
  'names a file twice': { ...good, files: [file, file] },
  'has a negative size': { ...good, files: [{ ...file, sizeBytes: -1 }] },
  'has a fractional size': { ...good, files: [{ ...file, sizeBytes: 0.5 }] },
  'has a size beyond exact numbers': { ...good, files: [{ ...file, sizeBytes: 1e300 }] },
  'has a size in words': { ...good, files: [{ ...file, sizeBytes: '1' }] },
  'has a digest of another kind': { ...good, files: [{ ...file, digest: 'md5:00' }] },
  'has files that are no list': { ...good, files: { length: 1 } },
  'has a container without statistics': { ...good, containers: [{ name: 'main', image: 'x' }] },
  'has metadata that are not texts': { ...good, metadata: { uid: 1 } },
};

for (const [sentence, manifest] of Object.entries(hostile)) {
  test(`a manifest is unreadable when it ${sentence}`, () => {
    assert.throws(() => decodeManifest('/c', Buffer.from(JSON.stringify(manifest))), { code: 'ManifestUnreadable' });
  });
}

test('a manifest is read as it was written', () => {
  const manifest = decodeManifest('/c', Buffer.from(JSON.stringify(good)));
  assert.deepEqual(decodeManifest('/c', encodeManifest(manifest)), manifest);
});
